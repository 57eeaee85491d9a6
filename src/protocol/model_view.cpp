#include "protocol/model_view.h"

#include "base/he_standard.h"
#include "protocol/api_version.h"
#include "protocol/json_numbers.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <bit>
#include <cmath>

namespace einfer::protocol {
namespace {

namespace json = boost::json;

constexpr std::string_view digest_prefix = "sha256:";

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

json::array texts(std::span<const std::string> values) {
    json::array array;
    for (const std::string& value : values) array.emplace_back(value);
    return array;
}

std::vector<std::string> texts_from(const json::object& object, std::string_view key) {
    std::vector<std::string> values;
    if (const json::value* found = object.if_contains(key))
        for (const json::value& value : found->get_array()) values.emplace_back(value.get_string());
    return values;
}

json::object packing_to_json(const ModelView& model) {
    return std::visit(Overloaded{
                          [](const FeatureColumns& packing) {
                              return json::object{{"kind", "feature_columns"}, {"rows", packing.rows}};
                          },
                          [](const LinearPacking& packing) {
                              return json::object{{"kind", "coefficients"},
                                                  {"features_per_ciphertext", packing.features_per_ciphertext},
                                                  {"outputs_per_result", packing.outputs_per_result},
                                                  {"rows", packing.rows},
                                                  {"result_scale", number(packing.result_scale)},
                                                  {"compact_bits", packing.compact_bits}};
                          },
                          [](const SlotsPacking& packing) {
                              json::array inputs;
                              for (const auto& slots : packing.feature_of_slot) inputs.push_back(numbers(slots));
                              return json::object{{"kind", "slots"},
                                                  {"rows", packing.rows},
                                                  {"feature_of_slot", std::move(inputs)},
                                                  {"output_slots", numbers(packing.output_slots)}};
                          },
                      },
                      model.packing);
}

std::string_view layout_of(const ModelView& model) {
    constexpr std::string_view names[] = {"feature_columns", "coefficients", "slots"};
    return names[model.packing.index()];
}

LinearPacking linear_packing(const json::object& object, const ModelView& model) {
    return {
        .poly_modulus_degree = model.poly_modulus_degree,
        .prime_bits = model.coeff_modulus_bits.front(),
        .features = model.input_dimension,
        .outputs = model.output_dimension,
        .features_per_ciphertext = to_size(object.at("features_per_ciphertext")),
        .outputs_per_result = to_size(object.at("outputs_per_result")),
        .rows = to_size(object.at("rows")),
        .input_scale = model.scale,
        .result_scale = to_double(object.at("result_scale")),
        .compact_bits = object.at("compact_bits").to_number<int>(),
    };
}

SlotsPacking slots_packing(const json::object& object, const ModelView& model) {
    SlotsPacking packing{
        .poly_modulus_degree = model.poly_modulus_degree,
        .features = model.input_dimension,
        .outputs = model.output_dimension,
        .rows = to_size(object.at("rows")),
        .input_scale = model.scale,
    };
    for (const json::value& slots : object.at("feature_of_slot").get_array()) {
        auto& features = packing.feature_of_slot.emplace_back();
        for (const json::value& feature : slots.get_array()) features.push_back(feature.to_number<std::int32_t>());
    }
    for (const json::value& slot : object.at("output_slots").get_array())
        packing.output_slots.push_back(slot.to_number<std::uint32_t>());
    return packing;
}

std::optional<ModelFault> fault_of(const LinearPacking& packing, const ModelView& model) {
    const std::size_t degree = packing.poly_modulus_degree;
    if (model.coeff_modulus_bits.size() != 1)
        return ModelFault{"/encryption_parameters/coeff_modulus_bits", "the layout coefficients has one prime"};
    if (packing.features_per_ciphertext > packing.features || packing.outputs_per_result > packing.outputs ||
        packing.features_per_ciphertext > degree / packing.outputs_per_result ||
        packing.rows > degree / (packing.features_per_ciphertext * packing.outputs_per_result))
        return ModelFault{"/packing", "rows, features and outputs do not fit the degree"};
    const int most = packing.prime_bits - 1 - std::bit_width(degree) - 1;
    if (packing.compact_bits > most)
        return ModelFault{"/packing/compact_bits", "at most " + std::to_string(most) + " are possible"};
    if (!std::isfinite(packing.result_scale)) return ModelFault{"/packing/result_scale", "must be finite"};
    if (model.max_batch_size > packing.rows)
        return ModelFault{"/constraints/max_batch_size", "is more than packing has rows"};
    return std::nullopt;
}

std::optional<ModelFault> fault_of(const SlotsPacking& packing, const ModelView& model) {
    if (model.coeff_modulus_bits.size() < 2)
        return ModelFault{"/encryption_parameters/coeff_modulus_bits",
                          "needs a data prime and the key-switching prime"};
    if (!std::has_single_bit(packing.rows) || packing.rows > packing.poly_modulus_degree / 2)
        return ModelFault{"/packing/rows", "must be a power of two, at most the number of slots"};
    for (const auto& slots : packing.feature_of_slot) {
        if (slots.size() > packing.virtual_slots())
            return ModelFault{"/packing/feature_of_slot", "has more slots than there are"};
        for (const std::int32_t feature : slots)
            if (feature >= 0 && static_cast<std::size_t>(feature) >= packing.features)
                return ModelFault{"/packing/feature_of_slot", "names a feature that there is not"};
    }
    if (packing.output_slots.size() != packing.outputs)
        return ModelFault{"/packing/output_slots", "needs one slot a number of the answer"};
    for (const std::uint32_t slot : packing.output_slots)
        if (slot >= packing.virtual_slots())
            return ModelFault{"/packing/output_slots", "names a slot that there is not"};
    if (model.max_batch_size > packing.rows)
        return ModelFault{"/constraints/max_batch_size", "is more than packing has rows"};
    return std::nullopt;
}

std::optional<ModelFault> fault_of(const FeatureColumns& packing, const ModelView& model) {
    if (!model.v1_0)
        return ModelFault{"/parameters", "the layout feature_columns needs parameters and activation_parameters"};
    if (model.max_batch_size > packing.rows)
        return ModelFault{"/constraints/max_batch_size", "is more than packing has rows"};
    return find_fault(*model.v1_0);
}

}  // namespace

std::size_t ModelView::input_ciphertexts() const {
    return std::visit(Overloaded{[this](const FeatureColumns&) { return input_dimension; },
                                 [](const LinearPacking& chosen) { return chosen.ciphertexts(); },
                                 [](const SlotsPacking& chosen) { return chosen.feature_of_slot.size(); }},
                      packing);
}

json::value range_to_json(std::span<const double> bounds) {
    if (std::ranges::adjacent_find(bounds, std::ranges::not_equal_to()) == bounds.end()) return number(bounds.front());
    return numbers(bounds);
}

std::vector<double> range_from_json(const json::value& value, std::size_t count) {
    const json::array* array = value.if_array();
    if (array == nullptr) return std::vector<double>(count, to_double(value));
    std::vector<double> bounds;
    for (const json::value& bound : *array) bounds.push_back(to_double(bound));
    return bounds;
}

json::object to_json(const ModelView& model) {
    json::array steps;
    for (const Postprocessing step : model.postprocessing) steps.emplace_back(name(step));
    json::object input{{"dimension", model.input_dimension},
                       {"lower", range_to_json(model.lower)},
                       {"upper", range_to_json(model.upper)}};
    if (!model.feature_names.empty()) input.emplace("names", texts(model.feature_names));
    json::object output{{"dimension", model.output_dimension}};
    if (!model.class_names.empty()) output.emplace("class_names", texts(model.class_names));
    json::array formats{"seal"};
    if (model.compact_results) formats.emplace_back("compact");
    json::object object{
        {"model_id", model.model_id},
        {"version", model.version},
        {"description", model.description},
        {"he_scheme", "CKKS"},
        {"layout", layout_of(model)},
        {"encryption_parameters",
         {{"poly_modulus_degree", model.poly_modulus_degree},
          {"coeff_modulus_bits", numbers(model.coeff_modulus_bits)},
          {"data_primes", model.data_primes()},
          {"scale", number(model.scale)}}},
        {"input", std::move(input)},
        {"output", std::move(output)},
        {"packing", packing_to_json(model)},
        {"postprocessing", std::move(steps)},
        {"result_formats", std::move(formats)},
        {"evaluation_keys",
         {{"relinearization", model.keys.relinearization},
          {"galois_steps", numbers(model.keys.galois_steps)},
          {"byte_counts",
           {{"relinearization", model.keys.relinearization_bytes}, {"galois", model.keys.galois_bytes}}}}},
        {"plan_digest", std::string(digest_prefix) + model.plan_digest},
        {"error_bound", model.error_bound},
        {"estimates",
         {{"request_bytes", model.costs.request_bytes},
          {"reply_bytes", model.costs.reply_bytes},
          {"evaluation_ms", number(model.costs.evaluation_ms)},
          {"memory_bytes", model.costs.memory_bytes}}},
        {"constraints", {{"max_batch_size", model.max_batch_size}}},
    };
    if (model.v1_0) {
        json::object v1_0 = to_json(*model.v1_0);
        for (const std::string_view member : {"parameters", "activation_parameters"})
            object.emplace(member, std::move(v1_0.at(member)));
    }
    return object;
}

std::string models_1_1_body(std::span<const ModelView> models) {
    json::array array;
    for (const ModelView& model : models) array.push_back(to_json(model));
    return json::serialize(json::object{{"api_version", api_version_1_1}, {"models", std::move(array)}});
}

ModelView model_view_from_json(const json::object& object) {
    ModelView model;
    model.model_id = object.at("model_id").get_string();
    model.version = object.at("version").get_string();
    model.description = object.at("description").get_string();
    const json::object& encryption = object.at("encryption_parameters").get_object();
    model.poly_modulus_degree = to_size(encryption.at("poly_modulus_degree"));
    model.scale = to_double(encryption.at("scale"));
    for (const json::value& bits : encryption.at("coeff_modulus_bits").get_array())
        model.coeff_modulus_bits.push_back(bits.to_number<int>());
    const json::object& input = object.at("input").get_object();
    model.input_dimension = to_size(input.at("dimension"));
    model.lower = range_from_json(input.at("lower"), model.input_dimension);
    model.upper = range_from_json(input.at("upper"), model.input_dimension);
    model.feature_names = texts_from(input, "names");
    const json::object& output = object.at("output").get_object();
    model.output_dimension = to_size(output.at("dimension"));
    model.class_names = texts_from(output, "class_names");
    const json::object& packing = object.at("packing").get_object();
    const json::string& kind = packing.at("kind").get_string();
    model.max_batch_size = to_size(object.at("constraints").at("max_batch_size"));
    if (kind == "coefficients") {
        model.packing = linear_packing(packing, model);
    } else if (kind == "slots") {
        model.packing = slots_packing(packing, model);
    } else {
        model.packing = FeatureColumns{to_size(packing.at("rows"))};
        if (object.contains("parameters") && object.contains("activation_parameters")) {
            // What else the v1.0 form has follows from this one.
            json::object v1_0 = object;
            v1_0["inference"] = json::object{{"input_dimension", model.input_dimension}};
            v1_0["encryption_parameters"].as_object()["max_multiplicative_depth"] = 0;
            model.v1_0 = model_from_json(v1_0);
        }
    }
    for (const std::string& step : texts_from(object, "postprocessing"))
        if (const auto known = postprocessing_from(step)) model.postprocessing.push_back(*known);
    for (const std::string& format : texts_from(object, "result_formats")) model.compact_results |= format == "compact";
    const json::object& keys = object.at("evaluation_keys").get_object();
    model.keys.relinearization = keys.at("relinearization").get_bool();
    for (const json::value& step : keys.at("galois_steps").get_array())
        model.keys.galois_steps.push_back(step.to_number<int>());
    model.keys.relinearization_bytes = to_size(keys.at("byte_counts").at("relinearization"));
    model.keys.galois_bytes = to_size(keys.at("byte_counts").at("galois"));
    model.plan_digest = object.at("plan_digest").get_string().subview(digest_prefix.size());
    model.error_bound = to_double(object.at("error_bound"));
    const json::object& costs = object.at("estimates").get_object();
    model.costs = {to_size(costs.at("request_bytes")), to_size(costs.at("reply_bytes")),
                   to_double(costs.at("evaluation_ms")), to_size(costs.at("memory_bytes"))};
    return model;
}

std::optional<ModelFault> find_fault(const ModelView& model) {
    const auto& bits = model.coeff_modulus_bits;
    if (const auto fault = find_chain_fault(model.poly_modulus_degree, bits)) return fault;
    int data_bits = bits.front() - 1;
    for (std::size_t i = 1; i < model.data_primes(); ++i) data_bits += bits[i] - 1;
    if (!std::isfinite(model.scale) || model.scale < 1 || std::log2(model.scale) > data_bits - 1)
        return ModelFault{"/encryption_parameters/scale", "must be at least 1 and well below the data modulus"};
    for (const auto* bounds : {&model.lower, &model.upper})
        if (bounds->size() != model.input_dimension) return ModelFault{"/input", "needs one bound a feature"};
    for (std::size_t i = 0; i < model.input_dimension; ++i)
        if (!(model.lower[i] < model.upper[i]) || !std::isfinite(model.upper[i] - model.lower[i]) ||
            !std::isfinite(2 / (model.upper[i] - model.lower[i])))
            return ModelFault{"/input", "a feature's lower bound is not below its upper one"};
    if (!model.feature_names.empty() && model.feature_names.size() != model.input_dimension)
        return ModelFault{"/input/names", "needs one name a feature"};
    const std::size_t classes = model.output_dimension == 1 ? 2 : model.output_dimension;
    if (!model.class_names.empty() && model.class_names.size() != classes)
        return ModelFault{"/output/class_names", "needs " + std::to_string(classes) + " names"};
    if (!std::isfinite(model.error_bound)) return ModelFault{"/error_bound", "must be finite"};
    for (const int step : model.keys.galois_steps)
        if (step == 0 || static_cast<std::size_t>(std::abs(step)) >= model.poly_modulus_degree / 2)
            return ModelFault{"/evaluation_keys/galois_steps", "a step is no rotation of so many slots"};
    if (model.keys.any() && bits.size() < 2)
        return ModelFault{"/evaluation_keys", "without a key-switching prime there are no evaluation keys"};
    return std::visit([&model](const auto& packing) { return fault_of(packing, model); }, model.packing);
}

}  // namespace einfer::protocol
