#include "inference/slots_rounding.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace einfer::inference {

EncodingError::EncodingError(std::size_t degree) : degree_(degree) {
    for (std::size_t k = 0; k < degree; ++k)
        roots_.push_back(std::polar(1.0, std::numbers::pi * static_cast<double>(k) / static_cast<double>(degree)));
    std::size_t power = 1;
    for (std::size_t slot = 0; slot < degree / 2; ++slot, power = power * 3 % (2 * degree))
        root_of_slot_.push_back(power / 2);
}

void EncodingError::transform(std::vector<std::complex<double>>& values, double sign) const {
    for (std::size_t i = 1, j = 0; i < degree_; ++i) {
        std::size_t bit = degree_ / 2;
        for (; (j & bit) != 0; bit /= 2) j ^= bit;
        j ^= bit;
        if (i < j) std::swap(values[i], values[j]);
    }
    for (std::size_t half = 1; half < degree_; half *= 2)
        for (std::size_t block = 0; block < degree_; block += 2 * half)
            for (std::size_t i = 0; i < half; ++i) {
                const std::complex<double> root = roots_[i * (degree_ / half)];
                const double re = root.real(), im = sign * root.imag();
                std::complex<double>&a = values[block + i], &b = values[block + half + i];
                const std::complex<double> turned(b.real() * re - b.imag() * im, b.real() * im + b.imag() * re);
                b = a - turned;
                a += turned;
            }
}

std::vector<double> EncodingError::squares(std::span<const double> slots, double scale) const {
    std::vector<std::complex<double>> values(degree_);
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
        values[root_of_slot_[slot]] = slots[slot];
        values[degree_ - 1 - root_of_slot_[slot]] = slots[slot];  // the conjugate root
    }
    transform(values, -1);
    for (std::size_t k = 0; k < degree_; ++k) {
        const double exact = (values[k] * std::conj(roots_[k])).real() * scale / static_cast<double>(degree_);
        values[k] = (std::round(exact) - exact) / scale * roots_[k];
    }
    transform(values, 1);
    std::vector<double> errors;
    for (const std::size_t root : root_of_slot_) errors.push_back(std::norm(values[root]));
    return errors;
}

}  // namespace einfer::inference
