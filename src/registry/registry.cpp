#include "registry/registry.h"

#include "protocol/schema.h"
#include "registry/files.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

namespace einfer::registry {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr double default_input_bound = 16;
constexpr double default_tolerance = 0.001;

boost::system::result<Model, Fault> parse_columns_entry(const json::value& document, const std::string& file,
                                                        const Prove& prove) {
    if (const auto checked = protocol::check_schema(protocol::Schema::RegistryEntry, document); !checked)
        return schema_fault(file, checked.error());
    const json::object& object = document.get_object();
    if (object.at("he_scheme").get_string() != "CKKS")
        return Fault{file, "semantic", "/he_scheme", "only CKKS is supported"};
    Model model;
    model.description = protocol::model_from_json(object);
    if (const auto fault = protocol::find_fault(model.description))
        return Fault{file, "semantic", fault->field, fault->reason};

    const std::size_t features = model.description.input_dimension;
    model.input_bounds.assign(features, default_input_bound);
    if (const json::value* bounds = object.if_contains("input_bounds")) {
        model.input_bounds.clear();
        for (const json::value& bound : bounds->get_array()) model.input_bounds.push_back(bound.to_number<double>());
        if (model.input_bounds.size() != features)
            return Fault{file, "semantic", "/input_bounds", "needs one number a feature"};
        if (!std::all_of(model.input_bounds.begin(), model.input_bounds.end(),
                         [](double bound) { return std::isfinite(bound); }))
            return Fault{file, "semantic", "/input_bounds", "must be finite"};
    }
    for (const auto& [member, texts] :
         {std::pair("feature_names", &model.feature_names), {"class_names", &model.class_names}})
        if (const json::value* names = object.if_contains(member))
            for (const json::value& name : names->get_array()) texts->emplace_back(name.get_string());
    if (!model.feature_names.empty() && model.feature_names.size() != features)
        return Fault{file, "semantic", "/feature_names", "needs one name a feature"};
    model.tolerance = default_tolerance;
    if (const json::value* tolerance = object.if_contains("tolerance"))
        model.tolerance = tolerance->to_number<double>();

    if (const auto fault = prove(model)) return Fault{file, "semantic", fault->field, fault->reason};
    return model;
}

/// Every (model_id, version) once, whatever its form.
class Names {
public:
    std::optional<Fault> add(const std::string& id, const std::string& version, const std::string& file) {
        const auto [known, added] = files_.emplace(std::pair(id, version), file);
        if (added) return std::nullopt;
        return Fault{file, "semantic", "/model_id", id + ' ' + version + " is already defined by " + known->second};
    }

private:
    std::map<std::pair<std::string, std::string>, std::string> files_;
};

}  // namespace

std::string Fault::to_string() const {
    std::string text = file.empty() ? category + " fault" : file + ": " + category + " fault";
    if (!field.empty()) text += " at " + field;
    return text + ": " + reason;
}

void throw_exception_from_error(const Fault& fault, const boost::source_location&) {
    throw std::runtime_error(fault.to_string());
}

boost::system::result<Model, Fault> parse_entry(std::string_view text, const std::string& file, const Prove& prove) {
    const auto document = parse_document(text, file);
    if (!document) return document.error();
    return parse_columns_entry(*document, file, prove);
}

LoadResult load(const fs::path& directory, const Prove& prove) {
    std::vector<fs::path> files;
    std::error_code ec;
    for (fs::directory_iterator entry(directory, ec), end; !ec && entry != end; entry.increment(ec))
        if (entry->path().extension() == ".json") files.push_back(entry->path());
    if (ec) return Fault{"", "schema", "", "the models directory cannot be read"};
    if (files.empty()) return Fault{"", "semantic", "", "the models directory holds no *.json file"};
    std::sort(files.begin(), files.end());

    Models models;
    Names names;
    for (const fs::path& path : files) {
        const std::string file = path.filename();
        const auto document = read_document(path);
        if (!document) return document.error();
        if (const json::object* object = document->if_object(); object != nullptr && is_network_entry(*object)) {
            auto model = parse_network_entry(*document, file, directory);
            if (!model) return model.error();
            if (auto twin = names.add(model->model_id, model->version, file)) return *std::move(twin);
            models.networks.push_back(*std::move(model));
        } else {
            auto model = parse_columns_entry(*document, file, prove);
            if (!model) return model.error();
            const protocol::ModelDescription& description = model->description;
            if (auto twin = names.add(description.model_id, description.version, file)) return *std::move(twin);
            models.columns.push_back(*std::move(model));
        }
    }
    std::ranges::sort(models.columns, {}, [](const Model& model) {
        return std::pair(model.description.model_id, model.description.version);
    });
    std::ranges::sort(models.networks, {},
                      [](const NetworkModel& model) { return std::pair(model.model_id, model.version); });
    return models;
}

}  // namespace einfer::registry
