#include "client/model_list.h"

#include "protocol/json_reader.h"
#include "protocol/schema.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace einfer::client {
namespace {

constexpr protocol::JsonLimits limits{
    .max_depth = 16,
    .max_values = 64 * 1024,
    .max_string_bytes = 4096,  // std::regex, which checks versions, recurses over it
    .max_text_bytes = max_models_bytes,
};

/// Orders versions of the form MAJOR.MINOR.PATCH by their numbers, however many digits they have.
bool older(std::string_view a, std::string_view b) {
    const auto next = [](std::string_view& text) {
        const std::size_t dot = std::min(text.find('.'), text.size());
        std::string_view number = text.substr(0, dot);
        text.remove_prefix(std::min(dot + 1, text.size()));
        number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
        return number;
    };
    for (int part = 0; part < 3; ++part) {
        const std::string_view x = next(a), y = next(b);
        if (x.size() != y.size()) return x.size() < y.size();
        if (x != y) return x < y;
    }
    return false;
}

}  // namespace

Outcome<std::vector<protocol::ModelDescription>> read_model_list(std::string_view body) {
    const auto document = protocol::parse_json(body, limits);
    if (!document) return bad_reply("its list of models is not JSON within bounds: " + document.error().message);
    if (const auto checked = protocol::check_schema(protocol::Schema::Models, *document); !checked)
        return bad_reply("its list of models is not as the v1.0 contract has it: " +
                         printable(checked.error().message));

    std::vector<protocol::ModelDescription> models;
    std::set<std::pair<std::string_view, std::string_view>> names;
    const auto& array = document->get_object().at("models").get_array();
    models.reserve(array.size());  // names refer to its elements
    for (const auto& value : array) {
        const auto& model = models.emplace_back(protocol::model_from_json(value.get_object()));
        const std::string named = model.model_id + " " + model.version;
        if (!names.emplace(model.model_id, model.version).second) return bad_reply("it offers " + named + " twice");
        if (const auto fault = protocol::find_fault(model))
            return bad_reply("it offers " + named + " with unusable parameters: " + fault->field + ' ' + fault->reason);
    }
    return models;
}

const protocol::ModelDescription* find_model(std::span<const protocol::ModelDescription> models, std::string_view id,
                                             std::string_view version) {
    const protocol::ModelDescription* found = nullptr;
    for (const auto& model : models) {
        if (model.model_id != id || (!version.empty() && model.version != version)) continue;
        if (found == nullptr || older(found->version, model.version)) found = &model;
    }
    return found;
}

Model to_public(const protocol::ModelDescription& model) {
    return {
        .id = model.model_id,
        .version = model.version,
        .description = printable(model.description, 4096),
        .input_dimension = model.input_dimension,
        .max_batch_size = model.max_batch_size,
        .weights = model.weights,
        .bias = model.bias,
        .coefficients = model.coefficients,
        .poly_modulus_degree = model.encryption.poly_modulus_degree,
        .coeff_modulus_bits = model.encryption.coeff_modulus_bits,
        .scale = model.encryption.scale,
    };
}

}  // namespace einfer::client
