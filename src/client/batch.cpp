#include "client/batch.h"

#include "client/decode.h"
#include "client/noise_floor.h"
#include "wire/compact.h"

#include <algorithm>
#include <cmath>

namespace einfer::client {
namespace {

/// Largest result that is taken, decoded: a bound on this machine's memory.
constexpr std::size_t max_result_bytes = std::size_t{256} << 20;

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

Outcome<Ciphertexts> encrypt_linear(const keys::Session& session, const protocol::ModelView& model,
                                    const LinearPacking& packing, Rows rows, WorkerPool& workers) {
    Ciphertexts ciphertexts(packing.ciphertexts());
    std::vector<std::optional<Failure>> failures(ciphertexts.size());
    workers.run(ciphertexts.size(), [&](std::size_t input, std::size_t) {
        const std::size_t first = input * packing.features_per_ciphertext;
        const std::size_t end = std::min(first + packing.features_per_ciphertext, packing.features);
        std::vector<double> coefficients(packing.input_coefficient(rows.size() - 1) + packing.features_per_ciphertext);
        for (std::size_t row = 0; row < rows.size(); ++row)
            for (std::size_t feature = first; feature < end; ++feature)
                coefficients[packing.input_coefficient(row) + feature - first] =
                    model.normalised(feature, rows[row][feature]);
        ciphertexts[input].resize(session.seeded_size());
        const auto encrypted = session.encrypt_coefficients(coefficients, packing.input_scale, ciphertexts[input]);
        if (!encrypted) failures[input] = Failure{ErrorKind::Crypto, encrypted.error().message};
    });
    for (auto& failure : failures)
        if (failure) return *std::move(failure);
    return ciphertexts;
}

Outcome<Ciphertexts> encrypt_slots(const keys::Session& session, const protocol::ModelView& model,
                                   const SlotsPacking& packing, Rows rows, WorkerPool& workers) {
    Ciphertexts ciphertexts(packing.feature_of_slot.size());
    std::vector<std::optional<Failure>> failures(ciphertexts.size());
    workers.run(ciphertexts.size(), [&](std::size_t input, std::size_t) {
        const std::vector<std::int32_t>& features = packing.feature_of_slot[input];
        std::vector<double> slots(features.size() * packing.rows);
        for (std::size_t slot = 0; slot < features.size(); ++slot) {
            if (features[slot] < 0) continue;
            const auto feature = static_cast<std::size_t>(features[slot]);
            for (std::size_t row = 0; row < rows.size(); ++row)
                slots[slot * packing.rows + row] = model.normalised(feature, rows[row][feature]);
        }
        ciphertexts[input].resize(session.encrypted_size());
        const auto encrypted = session.encrypt(slots, packing.input_scale, ciphertexts[input]);
        if (!encrypted) failures[input] = Failure{ErrorKind::Crypto, encrypted.error().message};
    });
    for (auto& failure : failures)
        if (failure) return *std::move(failure);
    return ciphertexts;
}

/// Rounds what is possible; anything else makes the whole batch implausible.
void keep_plausible(Decoded& decoded) {
    for (double& value : decoded.values) {
        if (!std::isfinite(value)) {
            decoded.plausible = false;
            decoded.values.clear();
            return;
        }
        value = round_to(value, decoded.resolution);
    }
}

Outcome<Decoded> decode_linear(const keys::Session& session, const CheckedResult& result, const LinearPacking& packing,
                               std::size_t rows) {
    const auto compact = wire::read_compact(result.bytes, wire::compact_shape(packing, rows));
    if (!compact) return bad_reply("its result is no compact answer: " + compact.error().message);
    const auto prime = static_cast<double>(session.context().primes().front());
    const double scale = packing.result_scale * std::ldexp(1.0, packing.compact_bits) / prime;
    Decoded decoded;
    decoded.resolution = resolution(result.error_bound, packing.shown_unit(prime));
    decoded.values.resize(rows * packing.outputs);
    for (std::size_t i = 0; i < compact->size(); ++i) {
        std::vector<std::size_t> positions, places;
        for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t output = 0; output < packing.outputs_of(i); ++output) {
                positions.push_back(packing.output_coefficient(row, output));
                places.push_back(row * packing.outputs + i * packing.outputs_per_result + output);
            }
        const auto numbers = session.decrypt_compact((*compact)[i], packing.compact_bits, positions);
        if (!numbers) return Failure{ErrorKind::Crypto, numbers.error().message};
        for (std::size_t at = 0; at < places.size(); ++at)
            decoded.values[places[at]] = static_cast<double>((*numbers)[at]) / scale;
    }
    keep_plausible(decoded);
    return decoded;
}

Outcome<Decoded> decode_slots(const keys::Session& session, const CheckedResult& result,
                              const protocol::ModelView& model, const SlotsPacking& packing, std::size_t rows) {
    const std::uint32_t last = *std::ranges::max_element(packing.output_slots);
    const auto slots = session.decrypt(result.ciphertext, (last + 1) * packing.rows);
    if (!slots) return Failure{ErrorKind::Crypto, slots.error().message};
    if (slots->size() != (last + 1) * packing.rows) return Failure{ErrorKind::Crypto, "decryption failed"};
    Decoded decoded;
    const double scale = std::min(model.scale, result.ciphertext.scale);
    decoded.resolution = resolution(result.error_bound, noise_floor(model.poly_modulus_degree, scale));
    for (std::size_t row = 0; row < rows; ++row)
        for (const std::uint32_t slot : packing.output_slots)
            decoded.values.push_back((*slots)[slot * packing.rows + row]);
    keep_plausible(decoded);
    return decoded;
}

Outcome<Decoded> decode_columns(const keys::Session& session, const CheckedResult& result,
                                const protocol::ModelView& model, Rows rows) {
    auto decoded = decode(session, result, *model.v1_0, rows);
    if (!decoded) return decoded.error();
    return Decoded{std::move(decoded->values), decoded->resolution, decoded->plausible, decoded->overflowing_row};
}

std::string name_of(const protocol::ModelView& model, std::size_t feature) {
    const std::string index = "feature " + std::to_string(feature);
    return model.feature_names.empty() ? index : index + " (" + printable(model.feature_names[feature], 100) + ")";
}

std::optional<std::string> fault_of_row(Row row, const protocol::ModelView& model) {
    if (row.size() != model.input_dimension)
        return "has " + std::to_string(row.size()) + " features; the model " + model.model_id + " takes " +
               std::to_string(model.input_dimension);
    for (std::size_t j = 0; j < row.size(); ++j) {
        if (!std::isfinite(row[j])) return "has a feature that is not finite: " + name_of(model, j);
        if (row[j] < model.lower[j] || row[j] > model.upper[j])
            return "is outside of what the model " + model.model_id + " was made for: " + name_of(model, j) +
                   " must be from " + to_text(model.lower[j]) + " to " + to_text(model.upper[j]);
    }
    return std::nullopt;
}

}  // namespace

Outcome<void> check_rows(Rows rows, const protocol::ModelView& model) {
    std::optional<Failure> first;
    std::size_t outside = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto fault = fault_of_row(rows[i], model);
        if (!fault) continue;
        if (outside++ > 0) continue;
        first = invalid_argument("row " + std::to_string(i) + ' ' + *fault);
        first->row = i;
    }
    if (!first) return {};
    if (outside > 1) first->message += "; " + std::to_string(outside) + " rows cannot be sent";
    return *std::move(first);
}

Outcome<void> check_sizes(const protocol::ModelView& model, std::size_t rows, protocol::Encoding encoding) {
    const std::size_t degree = model.poly_modulus_degree, primes = model.data_primes();
    const std::size_t input = protocol::encoded_size(encoding, wire::seeded_size(degree, primes));
    if (model.input_ciphertexts() > max_request_bytes / input)
        return invalid_argument("one request for the model " + model.model_id + " would have more than " +
                                std::to_string(max_request_bytes >> 20) + " MiB, the most that this client sends");
    const ResultShape shape = result_shape(model, rows);
    const std::size_t answer = shape.compact_bytes.value_or(wire::serialized_size(shape.max_size, degree, primes));
    if (answer > max_result_bytes)
        return bad_reply("an answer of the model " + model.model_id + " would have " + std::to_string(answer >> 20) +
                         " MiB; at most " + std::to_string(max_result_bytes >> 20) + " are taken");
    return {};
}

ResultShape result_shape(const protocol::ModelView& model, std::size_t rows) {
    return std::visit(Overloaded{
                          [&](const protocol::FeatureColumns&) {
                              const bool linear = model.v1_0->coefficients[2] == 0;
                              return ResultShape{linear ? std::size_t{2} : std::size_t{3}, std::nullopt};
                          },
                          [&](const LinearPacking& packing) {
                              return ResultShape{2, wire::compact_shape(packing, rows).size()};
                          },
                          [](const SlotsPacking&) {
                              return ResultShape{2, std::nullopt};
                          },
                      },
                      model.packing);
}

Outcome<Ciphertexts> encrypt(const keys::Session& session, const protocol::ModelView& model, Rows rows,
                             WorkerPool& workers) {
    return std::visit(
        Overloaded{
            [&](const protocol::FeatureColumns&) -> Outcome<Ciphertexts> {
                return Failure{ErrorKind::Crypto, "models of v1.0 have another encryption"};
            },
            [&](const LinearPacking& packing) { return encrypt_linear(session, model, packing, rows, workers); },
            [&](const SlotsPacking& packing) { return encrypt_slots(session, model, packing, rows, workers); },
        },
        model.packing);
}

Outcome<Decoded> decode(const keys::Session& session, const CheckedResult& result, const protocol::ModelView& model,
                        Rows rows) {
    return std::visit(
        Overloaded{
            [&](const protocol::FeatureColumns&) { return decode_columns(session, result, model, rows); },
            [&](const LinearPacking& packing) { return decode_linear(session, result, packing, rows.size()); },
            [&](const SlotsPacking& packing) { return decode_slots(session, result, model, packing, rows.size()); },
        },
        model.packing);
}

void round_probabilities(std::span<double> probabilities, double error_bound) {
    for (double& p : probabilities) {
        const double unit = std::pow(10.0, std::floor(std::log10(2 * p * (1 - p) * error_bound)));
        if (unit >= 1e-15 && unit < 1) p = round_to(p, unit);
    }
}

std::vector<std::string> labels(const protocol::ModelView& model, std::span<const double> values) {
    const std::size_t width = model.output_dimension;
    // One number is a choice if it becomes a probability or a class; without that, its threshold is not known.
    if (model.class_names.empty() || (width == 1 && model.postprocessing.empty())) return {};
    std::vector<std::string> names;
    for (std::size_t start = 0; start < values.size(); start += width) {
        names.push_back(printable(model.class_names[decided_class(values.subspan(start, width))], 1024));
    }
    return names;
}

std::size_t postprocessed_dimension(const protocol::ModelView& model) {
    return std::ranges::count(model.postprocessing, Postprocessing::Argmax) > 0 ? 1 : model.output_dimension;
}

std::vector<double> postprocess(const protocol::ModelView& model, std::vector<double> values) {
    if (model.postprocessing.empty()) return values;
    std::vector<double> all;
    for (auto row = values.begin(); row != values.end();) {
        const auto end = row + static_cast<std::ptrdiff_t>(model.output_dimension);
        const std::vector<double> made = einfer::postprocess(model.postprocessing, {row, end});
        all.insert(all.end(), made.begin(), made.end());
        row = end;
    }
    return all;
}

}  // namespace einfer::client
