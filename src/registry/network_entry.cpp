#include "registry/network_entry.h"

#include "base/sha256.h"
#include "protocol/model.h"
#include "protocol/model_view.h"
#include "protocol/schema.h"
#include "registry/files.h"
#include "registry/network_layers.h"
#include "registry/slots_plan.h"

#include <boost/json/serialize.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>

namespace einfer::registry {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::uintmax_t max_weights_bytes = 256u << 20;
static_assert(std::endian::native == std::endian::little, "weights files are little-endian");

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string sha256(std::string_view text) {
    Sha256 digest;
    digest.update(bytes_of(text));
    return digest.hex_digest();
}

std::string detail(const Error& error, std::string_view key) {
    for (const auto& [name, value] : error.details)
        if (name == key) return value;
    return "";
}

std::vector<std::string> texts_from(const json::object& object, std::string_view key) {
    std::vector<std::string> texts;
    if (const json::value* found = object.if_contains(key))
        for (const json::value& text : found->get_array()) texts.emplace_back(text.get_string());
    return texts;
}

std::size_t to_size(const json::value& value) { return value.to_number<std::size_t>(); }

inference::Shape shape_from(const json::array& sizes) {
    if (sizes.size() == 3) return {to_size(sizes[0]), to_size(sizes[1]), to_size(sizes[2])};
    if (sizes.size() == 2) return {1, to_size(sizes[0]), to_size(sizes[1])};
    return {to_size(sizes[0]), 1, 1};
}

json::array shape_to_json(const inference::Shape& shape) {
    if (shape.height == 1 && shape.width == 1) return {shape.channels};
    return {shape.channels, shape.height, shape.width};
}

/// One entry while it is read. Each step says what is wrong, or nothing.
class Reading {
public:
    using MaybeFault = std::optional<Fault>;

    Reading(const json::object& object, const std::string& file, const fs::path& directory)
        : object_(object), file_(file), directory_(directory) {}

    boost::system::result<NetworkModel, Fault> read() {
        read_names();
        for (const auto step :
             {&Reading::read_encryption, &Reading::read_input, &Reading::read_network, &Reading::prove})
            if (MaybeFault fault = (this->*step)()) return *std::move(fault);
        model_.plan_digest = digest();
        return std::move(model_);
    }

private:
    [[nodiscard]] Fault semantic(std::string field, std::string reason) const {
        return {file_, "semantic", std::move(field), std::move(reason)};
    }

    void read_names() {
        model_.model_id = object_.at("model_id").get_string();
        model_.version = object_.at("version").get_string();
        model_.description = object_.at("description").get_string();
        model_.tolerance = object_.at("tolerance").to_number<double>();
        model_.max_batch_size = to_size(object_.at("constraints").at("max_batch_size"));
        if (const json::value* found = object_.if_contains("estimates"))
            model_.evaluation_ms = found->at("evaluation_ms").to_number<double>();
        if (const json::value* found = object_.if_contains("calibration"))
            model_.calibration_rows = to_size(found->at("rows"));
        if (const json::value* found = object_.if_contains("provenance")) model_.provenance = found->get_string();
    }

    MaybeFault read_encryption() {
        const json::object& encryption = object_.at("encryption_parameters").get_object();
        model_.poly_modulus_degree = to_size(encryption.at("poly_modulus_degree"));
        model_.scale = encryption.at("scale").to_number<double>();
        for (const json::value& bits : encryption.at("coeff_modulus_bits").get_array())
            model_.coeff_modulus_bits.push_back(bits.to_number<int>());
        if (const auto fault = protocol::find_chain_fault(model_.poly_modulus_degree, model_.coeff_modulus_bits))
            return semantic(fault->field, fault->reason);
        return std::nullopt;
    }

    MaybeFault read_input() {
        const json::object& input = object_.at("input").get_object();
        model_.network.input = shape_from(input.at("shape").get_array());
        const std::size_t features = model_.network.input.size();
        if (features > inference::NetworkLimits().max_elements)
            return semantic("/input/shape", "has too many features");
        model_.lower = protocol::range_from_json(input.at("lower"), features);
        model_.upper = protocol::range_from_json(input.at("upper"), features);
        if (model_.lower.size() != features) return semantic("/input/lower", "needs one number a feature");
        if (model_.upper.size() != features) return semantic("/input/upper", "needs one number a feature");
        for (std::size_t i = 0; i < features; ++i) {
            const double width = model_.upper[i] - model_.lower[i];
            if (!(width > 0) || !std::isfinite(width) || !std::isfinite(2 / width))
                return semantic("/input/upper", "must be above lower, for every feature, and both finite");
        }
        model_.feature_names = texts_from(input, "feature_names");
        if (!model_.feature_names.empty() && model_.feature_names.size() != features)
            return semantic("/input/feature_names", "needs one name a feature");
        return std::nullopt;
    }

    MaybeFault read_network() {
        const json::object& weights = object_.at("weights").get_object();
        const std::string name(weights.at("file").get_string());
        const auto text = read_file(directory_ / name, max_weights_bytes);
        if (!text) return semantic("/weights/file", name + ": " + text.error());
        if (sha256(*text) != std::string_view(weights.at("sha256").get_string()))
            return semantic("/weights/sha256",
                            "is not that of " + name + ": the file was changed, or is another model's");
        std::vector<double> numbers(text->size() / sizeof(double));
        if (numbers.size() * sizeof(double) != text->size())
            return semantic("/weights/file", name + " does not hold whole 64-bit numbers");
        if (!numbers.empty()) std::memcpy(numbers.data(), text->data(), text->size());
        if (const auto fault = read_layers(object_.at("layers").get_array(), numbers, model_.network))
            return semantic(fault->field, fault->reason);
        for (const std::string& step : texts_from(object_, "postprocessing"))
            if (const auto known = postprocessing_from(step)) model_.network.postprocessing.push_back(*known);
        model_.network.class_names = texts_from(object_, "class_names");
        auto stages = inference::to_stages(model_.network);
        if (!stages) return semantic(detail(stages.error(), "field"), detail(stages.error(), "reason"));
        model_.stages = *std::move(stages);
        inference::normalise_inputs(model_.stages.front(), model_.lower, model_.upper);
        const std::size_t outputs = model_.stages.back().matrix.rows, classes = outputs == 1 ? 2 : outputs;
        if (!model_.network.class_names.empty() && model_.network.class_names.size() != classes)
            return semantic("/class_names", "needs " + std::to_string(classes) + " names");
        return std::nullopt;
    }

    MaybeFault prove() {
        const json::object& plan = object_.at("plan").get_object();
        if (object_.at("layout").get_string() == "coefficients") return prove_coefficients(plan);
        return prove_slots(plan);
    }

    MaybeFault prove_coefficients(const json::object& plan) {
        if (!plan.contains("features_per_ciphertext")) return semantic("/plan", "is that of another layout");
        if (model_.coeff_modulus_bits.size() != 1)
            return semantic("/encryption_parameters/coeff_modulus_bits", "the layout coefficients has one prime");
        if (model_.stages.size() != 1 || model_.stages.front().activation)
            return semantic("/layers", "the layout coefficients is for linear models");
        LinearPacking packing{
            .poly_modulus_degree = model_.poly_modulus_degree,
            .prime_bits = model_.coeff_modulus_bits.front(),
            .features = model_.network.input.size(),
            .outputs = model_.stages.front().matrix.rows,
            .features_per_ciphertext = to_size(plan.at("features_per_ciphertext")),
            .outputs_per_result = to_size(plan.at("outputs_per_result")),
            .rows = to_size(plan.at("rows")),
            .input_scale = model_.scale,
            .result_scale = plan.at("result_scale").to_number<double>(),
            .compact_bits = plan.at("compact_bits").to_number<int>(),
        };
        const auto proved = inference::prove_linear(model_.stages.front(), packing, model_.tolerance);
        if (!proved) return semantic(detail(proved.error(), "field"), detail(proved.error(), "reason"));
        if (model_.max_batch_size > packing.rows)
            return semantic("/constraints/max_batch_size",
                            "is above the " + std::to_string(packing.rows) + " rows of a request");
        model_.plan = packing;
        return std::nullopt;
    }

    MaybeFault prove_slots(const json::object& plan) {
        if (!plan.contains("stages")) return semantic("/plan", "is that of another layout");
        if (model_.coeff_modulus_bits.size() < 2)
            return semantic("/encryption_parameters/coeff_modulus_bits", "the layout slots has at least two primes");
        inference::SlotsSpec spec;
        spec.poly_modulus_degree = model_.poly_modulus_degree;
        spec.coeff_modulus_bits = model_.coeff_modulus_bits;
        spec.scale = model_.scale;
        if (const auto fault = read_slots_plan(plan, model_.stages, model_.tolerance, spec))
            return semantic(fault->field, fault->reason);
        if (model_.max_batch_size > spec.rows)
            return semantic("/constraints/max_batch_size",
                            "is above the " + std::to_string(spec.rows) + " rows of a request");
        model_.plan = std::move(spec);
        return std::nullopt;
    }

    [[nodiscard]] std::string digest() const {
        json::object decisive;
        for (const std::string_view member :
             {"layout", "encryption_parameters", "input", "layers", "weights", "postprocessing", "plan"})
            decisive[member] = object_.at(member);
        return sha256(json::serialize(decisive));
    }

    const json::object& object_;
    const std::string& file_;
    const fs::path& directory_;
    NetworkModel model_;
};

json::object plan_to_json(const inference::SlotsSpec& spec) { return write_slots_plan(spec); }

json::object plan_to_json(const LinearPacking& packing) {
    return {{"features_per_ciphertext", packing.features_per_ciphertext},
            {"outputs_per_result", packing.outputs_per_result},
            {"rows", packing.rows},
            {"result_scale", packing.result_scale},
            {"compact_bits", packing.compact_bits}};
}

template <class Range>
json::array array_of(const Range& values) {
    return json::array(values.begin(), values.end());
}

fs::path entry_path(const NetworkModel& model, const fs::path& directory) {
    if (auto known = find_entry(directory, model.model_id, model.version)) return *std::move(known);
    fs::path path = directory / (model.model_id + ".json");
    std::error_code ec;
    if (fs::exists(path, ec)) path = directory / (model.model_id + '-' + model.version + ".json");
    return path;
}

}  // namespace

std::vector<double> NetworkModel::normalised(std::span<const double> row) const {
    return einfer::normalised(row, lower, upper);
}

bool is_network_entry(const json::object& object) { return object.contains("format"); }

boost::system::result<NetworkModel, Fault> parse_network_entry(const json::value& document, const std::string& file,
                                                               const fs::path& directory) {
    if (const auto checked = protocol::check_schema(protocol::Schema::RegistryEntry11, document); !checked)
        return schema_fault(file, checked.error());
    return Reading(document.get_object(), file, directory).read();
}

boost::system::result<NetworkModel, Fault> read_network_entry(const fs::path& path) {
    const std::string file = path.filename();
    const auto document = read_document(path);
    if (!document) return document.error();
    const json::object* object = document->if_object();
    if (object == nullptr || !is_network_entry(*object))
        return Fault{file, "schema", "/format", "is missing: this is no entry of the form of v1.1"};
    return parse_network_entry(*document, file, path.parent_path());
}

std::optional<fs::path> find_entry(const fs::path& directory, std::string_view model_id, std::string_view version) {
    for (const fs::path& path : entry_files(directory)) {
        const auto document = read_document(path);
        const json::object* object = document ? document->if_object() : nullptr;
        if (object == nullptr) continue;
        const auto is = [object](std::string_view member, std::string_view text) {
            const json::value* value = object->if_contains(member);
            return value != nullptr && value->is_string() && std::string_view(value->get_string()) == text;
        };
        if (is("model_id", model_id) && is("version", version)) return path;
    }
    return std::nullopt;
}

WrittenEntry write_network_entry(const NetworkModel& model, const fs::path& directory) {
    const WrittenLayers written = write_layers(model.network);
    const std::string numbers(reinterpret_cast<const char*>(written.numbers.data()),
                              written.numbers.size() * sizeof(double));
    const std::string digest = sha256(numbers);
    // Named by what is in it: the entry is whole before and after it is replaced, and versions do not collide.
    const std::string weights = model.model_id + '.' + digest.substr(0, 16) + ".weights";
    json::object input{{"shape", shape_to_json(model.network.input)},
                       {"lower", protocol::range_to_json(model.lower)},
                       {"upper", protocol::range_to_json(model.upper)}};
    if (!model.feature_names.empty()) input["feature_names"] = array_of(model.feature_names);
    json::array steps;
    for (const Postprocessing step : model.network.postprocessing) steps.emplace_back(name(step));
    json::object entry{
        {"format", "einfer/1.1"},
        {"model_id", model.model_id},
        {"version", model.version},
        {"description", model.description},
        {"layout", std::holds_alternative<LinearPacking>(model.plan) ? "coefficients" : "slots"},
        {"encryption_parameters",
         {{"poly_modulus_degree", model.poly_modulus_degree},
          {"coeff_modulus_bits", array_of(model.coeff_modulus_bits)},
          {"scale", model.scale}}},
        {"input", std::move(input)},
        {"layers", written.layers},
        {"weights", {{"file", weights}, {"sha256", digest}}},
        {"postprocessing", std::move(steps)},
        {"plan", std::visit([](const auto& plan) { return plan_to_json(plan); }, model.plan)},
        {"tolerance", model.tolerance},
        {"constraints", {{"max_batch_size", model.max_batch_size}}},
    };
    if (!model.network.class_names.empty()) entry["class_names"] = array_of(model.network.class_names);
    if (model.calibration_rows > 0) entry["calibration"] = json::object{{"rows", model.calibration_rows}};
    if (model.evaluation_ms > 0) entry["estimates"] = json::object{{"evaluation_ms", model.evaluation_ms}};
    if (!model.provenance.empty()) entry["provenance"] = model.provenance;

    WrittenEntry files{entry_path(model, directory), directory / weights, std::nullopt};
    files.fault = write_file(files.weights, numbers);
    if (!files.fault) files.fault = write_file(files.entry, pretty(entry));
    if (!files.fault) remove_unnamed_weights(directory, model.model_id);
    return files;
}

}  // namespace einfer::registry
