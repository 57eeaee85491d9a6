#include "inference/slots_form.h"

#include "inference/activation_fit.h"

#include <algorithm>
#include <cmath>

namespace einfer::inference {
namespace {

/// Its coefficients without the zeros behind.
std::vector<double> trimmed(std::vector<double> coefficients) {
    while (coefficients.size() > 1 && coefficients.back() == 0) coefficients.pop_back();
    return coefficients;
}

/// `next` takes factor · x + offset where it took x.
void absorb(double factor, double offset, Matrix& matrix, std::vector<double>& bias) {
    for (std::size_t row = 0; row < matrix.rows; ++row) {
        double sum = 0;
        for (const double weight : matrix.row(row)) sum += weight;
        bias[row] += offset * sum;
    }
    for (double& weight : matrix.values) weight *= factor;
}

Stage compose(const Stage& first, const Stage& second) {
    Stage both{{second.matrix.rows, first.matrix.columns, {}}, linear(second, first.bias), second.activation};
    both.matrix.values.resize(both.matrix.rows * both.matrix.columns);
    for (std::size_t row = 0; row < second.matrix.rows; ++row)
        for (std::size_t k = 0; k < second.matrix.columns; ++k) {
            const double factor = second.matrix.at(row, k);
            if (factor == 0) continue;
            for (std::size_t column = 0; column < first.matrix.columns; ++column)
                both.matrix.values[row * both.matrix.columns + column] += factor * first.matrix.at(k, column);
        }
    return both;
}

/// −b/2a, where a x² + b x + c has its extremum; 0 for other degrees.
double centre_of(const std::vector<double>& coefficients) {
    return coefficients.size() == 3 ? -coefficients[1] / (2 * coefficients[2]) : 0;
}

}  // namespace

double FormStep::activate(double z) const {
    if (square) return negative ? -z * z : z * z;
    return powers.empty() ? z : polynomial(powers, z);
}

double FormStep::slope(double bound) const {
    if (square) return 2 * bound;
    if (powers.empty()) return 1;
    // A derivative of degree 7 at most moves little between so many places.
    constexpr int places = 64;
    double steepest = 0;
    for (int place = -places; place <= places; ++place) {
        const double z = bound * place / places;
        double value = 0;
        for (std::size_t i = powers.size(); i-- > 1;) value = value * z + static_cast<double>(i) * powers[i];
        steepest = std::max(steepest, std::abs(value));
    }
    return steepest;
}

std::vector<Stage> with_polynomials(std::span<const Stage> stages,
                                    const std::vector<std::vector<double>>& polynomials) {
    std::vector<Stage> made;
    bool open = false;
    for (std::size_t i = 0; i < stages.size(); ++i) {
        Stage stage = stages[i];
        if (stage.activation) stage.activation = Activation{ActivationKind::Polynomial, trimmed(polynomials[i])};
        if (open) {
            made.back() = compose(made.back(), stage);
        } else {
            made.push_back(std::move(stage));
        }
        Stage& last = made.back();
        open = last.activation && last.activation->coefficients.size() <= 2;
        if (!open) continue;
        const std::vector<double>& c = last.activation->coefficients;
        const double factor = c.size() < 2 ? 0 : c[1];
        for (double& weight : last.matrix.values) weight *= factor;
        for (double& bias : last.bias) bias = bias * factor + c[0];
        last.activation.reset();
    }
    return made;
}

std::vector<Normaliser> normalisers_for(std::span<const Stage> stages, std::span<const std::vector<double>> rows) {
    std::vector<Normaliser> made(stages.size());
    std::vector<std::vector<double>> values(rows.begin(), rows.end());
    for (std::size_t i = 0; i < stages.size(); ++i) {
        const bool last = i + 1 == stages.size();
        if (!stages[i].activation) return made;
        const std::vector<double>& c = stages[i].activation->coefficients;
        double before = 0, after = 0;
        for (std::vector<double>& value : values) {
            value = linear(stages[i], value);
            for (double& x : value) {
                before = std::max(before, std::abs(x - centre_of(c)));
                x = polynomial(c, x);
                after = std::max(after, std::abs(x));
            }
        }
        if (c.size() == 3)
            made[i] = {last ? 1 / std::sqrt(std::abs(c[2])) : std::max(before, 1e-9), 1};
        else
            made[i] = {std::max(before, 1e-9), last ? 1 : std::max(after, 1e-9)};
    }
    return made;
}

std::vector<FormStep> to_form(std::span<const Stage> stages, std::span<const Normaliser> normalisers) {
    std::vector<FormStep> form;
    double factor = 1, offset = 0;  // what the values of the stage before lack
    for (std::size_t i = 0; i < stages.size(); ++i) {
        const bool last = i + 1 == stages.size();
        FormStep step{stages[i].matrix, stages[i].bias, {}, false, false, 0};
        absorb(factor, offset, step.matrix, step.bias);
        factor = 1, offset = 0;
        if (stages[i].activation) {
            const std::vector<double>& c = stages[i].activation->coefficients;
            const auto [before, after] = normalisers[i];
            for (double& weight : step.matrix.values) weight /= before;
            for (double& bias : step.bias) bias = (bias - centre_of(c)) / before;
            if (c.size() == 3) {
                step.square = true;
                factor = c[2] * before * before;
                offset = c[0] - c[1] * c[1] / (4 * c[2]);
                step.negative = last && factor < 0;
            } else {
                step.powers.resize(c.size());
                for (std::size_t k = 1; k < c.size(); ++k)
                    step.powers[k] = c[k] * std::pow(before, static_cast<double>(k)) / after;
                factor = after;
                offset = c[0];
            }
            if (last) step.offset = offset;
        }
        form.push_back(std::move(step));
    }
    return form;
}

}  // namespace einfer::inference
