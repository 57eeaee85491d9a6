#include "client/model_list.h"

#include "protocol/json_reader.h"
#include "protocol/schema.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace einfer::client {
namespace {

constexpr std::size_t max_values_1_0 = 64 * 1024;
constexpr std::size_t max_values_1_1 = 1024 * 1024;    // packings of slots are long
constexpr std::size_t max_features = 4 * 1024 * 1024;  // of all models: one number may be the bound of every feature
constexpr protocol::JsonLimits text_limits{
    .max_depth = 16,
    .max_values = 1u << 20,    // packings of slots are long
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

/// The view of a v1.0 model, which says less than one of v1.1.
protocol::ModelView view_of(protocol::ModelDescription model) {
    protocol::ModelView view;
    view.model_id = model.model_id;
    view.version = model.version;
    view.description = model.description;
    view.poly_modulus_degree = model.encryption.poly_modulus_degree;
    view.coeff_modulus_bits = model.encryption.coeff_modulus_bits;
    view.scale = model.encryption.scale;
    view.input_dimension = model.input_dimension;
    view.output_dimension = 1;
    view.packing = protocol::FeatureColumns{view.poly_modulus_degree / 2};
    view.max_batch_size = model.max_batch_size;
    view.v1_0 = std::move(model);
    return view;
}

/// The models of a document, each read by `read`, which says what is wrong with it, or nothing.
template <class Read>
Outcome<std::vector<protocol::ModelView>> read_models(std::string_view body, protocol::Schema schema,
                                                      std::size_t max_values, const Read& read) {
    protocol::JsonLimits limits = text_limits;
    limits.max_values = max_values;
    const auto document = protocol::parse_json(body, limits);
    if (!document) return bad_reply("its list of models is not JSON within bounds: " + document.error().message);
    if (const auto checked = protocol::check_schema(schema, *document); !checked)
        return bad_reply("its list of models is not as the contract has it: " + printable(checked.error().message));

    std::vector<protocol::ModelView> models;
    std::set<std::pair<std::string_view, std::string_view>> names;
    const auto& array = document->get_object().at("models").get_array();
    models.reserve(array.size());  // names refer to its elements
    for (const auto& value : array) {
        std::optional<protocol::ModelFault> fault;
        const auto& model = models.emplace_back(read(value.get_object(), fault));
        const std::string named = model.model_id + " " + model.version;
        if (!names.emplace(model.model_id, model.version).second) return bad_reply("it offers " + named + " twice");
        if (fault)
            return bad_reply("it offers " + named + " with unusable parameters: " + fault->field + ' ' + fault->reason);
    }
    return models;
}

}  // namespace

Outcome<std::vector<protocol::ModelView>> read_model_views(std::string_view body) {
    std::uint64_t features = 0;
    return read_models(body, protocol::Schema::Models11, max_values_1_1, [&](const auto& object, auto& fault) {
        features += object.at("input").at("dimension").template to_number<std::uint64_t>();
        if (features > max_features) {
            fault = protocol::ModelFault{"/input/dimension", "is too much, with the models before it"};
            protocol::ModelView refused;
            refused.model_id = object.at("model_id").get_string();
            refused.version = object.at("version").get_string();
            return refused;
        }
        protocol::ModelView view = protocol::model_view_from_json(object);
        fault = protocol::find_fault(view);
        return view;
    });
}

Outcome<std::vector<protocol::ModelView>> read_model_list(std::string_view body) {
    return read_models(body, protocol::Schema::Models, max_values_1_0, [](const auto& object, auto& fault) {
        protocol::ModelDescription model = protocol::model_from_json(object);
        fault = protocol::find_fault(model);
        return view_of(std::move(model));
    });
}

const protocol::ModelView* find_model(std::span<const protocol::ModelView> models, std::string_view id,
                                      std::string_view version) {
    const protocol::ModelView* found = nullptr;
    for (const auto& model : models) {
        if (model.model_id != id || (!version.empty() && model.version != version)) continue;
        if (found == nullptr || older(found->version, model.version)) found = &model;
    }
    return found;
}

Model to_public(const protocol::ModelView& model) {
    Model shown{
        .id = model.model_id,
        .version = model.version,
        .description = printable(model.description, 4096),
        .layout = static_cast<Layout>(model.packing.index()),
        .input_dimension = model.input_dimension,
        .output_dimension = model.output_dimension,
        .max_batch_size = model.max_batch_size,
        .lower = model.lower,
        .upper = model.upper,
        .error_bound = model.error_bound,
        .evaluation_key_bytes = model.keys.relinearization_bytes + model.keys.galois_bytes,
        .request_bytes = model.costs.request_bytes,
        .reply_bytes = model.costs.reply_bytes,
        .poly_modulus_degree = model.poly_modulus_degree,
        .coeff_modulus_bits = model.coeff_modulus_bits,
        .scale = model.scale,
    };
    for (const std::string& name : model.feature_names) shown.feature_names.push_back(printable(name, 1024));
    for (const std::string& name : model.class_names) shown.class_names.push_back(printable(name, 1024));
    for (const Postprocessing step : model.postprocessing) shown.postprocessing.emplace_back(name(step));
    if (model.v1_0) {
        shown.weights = model.v1_0->weights;
        shown.bias = model.v1_0->bias;
        shown.coefficients = model.v1_0->coefficients;
    }
    return shown;
}

}  // namespace einfer::client
