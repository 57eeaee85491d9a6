#include "registry/registry.h"

#include "protocol/json_reader.h"
#include "protocol/schema.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace einfer::registry {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::uintmax_t max_entry_bytes = 16u << 20;
constexpr double default_input_bound = 16;
constexpr double default_tolerance = 0.001;

boost::system::result<std::string, Fault> read_file(const fs::path& path) {
    const std::string name = path.filename();
    std::error_code ec;
    const std::uintmax_t size = fs::file_size(path, ec);
    if (ec) return Fault{name, "schema", "", "the file cannot be read"};
    if (size > max_entry_bytes) return Fault{name, "schema", "", "the file is larger than 16 MiB"};
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream || text.str().size() != size) return Fault{name, "schema", "", "the file cannot be read"};
    return {boost::system::in_place_value, std::move(text).str()};
}

std::string detail(const Error& error, std::string_view key) {
    for (const auto& [name, value] : error.details)
        if (name == key) return value;
    return "";
}

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
    protocol::JsonLimits limits;
    limits.max_string_bytes = 16 * 1024;
    const Result<json::value> document = protocol::parse_json(text, limits);
    if (!document) {
        const std::string byte = detail(document.error(), "byte");
        return Fault{file, "schema", "", document.error().message + (byte.empty() ? "" : " (byte " + byte + ")")};
    }
    if (const auto checked = protocol::check_schema(protocol::Schema::RegistryEntry, *document); !checked) {
        const std::string field = detail(checked.error(), "pointer"), where = '"' + field + "\" ";
        std::string reason = checked.error().message;
        if (reason.starts_with(where)) reason.erase(0, where.size());
        return Fault{file, "schema", field, reason};
    }

    const json::object& object = document->get_object();
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
    if (const json::value* names = object.if_contains("feature_names"); names && names->get_array().size() != features)
        return Fault{file, "semantic", "/feature_names", "needs one name a feature"};
    model.tolerance = default_tolerance;
    if (const json::value* tolerance = object.if_contains("tolerance"))
        model.tolerance = tolerance->to_number<double>();

    if (const auto fault = prove(model)) return Fault{file, "semantic", fault->field, fault->reason};
    return model;
}

LoadResult load(const fs::path& directory, const Prove& prove) {
    std::vector<fs::path> files;
    std::error_code ec;
    for (fs::directory_iterator entry(directory, ec), end; !ec && entry != end; entry.increment(ec))
        if (entry->path().extension() == ".json") files.push_back(entry->path());
    if (ec) return Fault{"", "schema", "", "the models directory cannot be read"};
    if (files.empty()) return Fault{"", "semantic", "", "the models directory holds no *.json file"};
    std::sort(files.begin(), files.end());

    std::map<std::pair<std::string, std::string>, std::pair<Model, std::string>> models;
    for (const fs::path& path : files) {
        const std::string name = path.filename();
        const auto text = read_file(path);
        if (!text) return text.error();
        auto model = parse_entry(*text, name, prove);
        if (!model) return model.error();
        const std::pair key(model->description.model_id, model->description.version);
        if (const auto twin = models.find(key); twin != models.end())
            return Fault{name, "semantic", "/model_id",
                         key.first + " " + key.second + " is already defined by " + twin->second.second};
        models.emplace(key, std::pair(*std::move(model), name));
    }
    std::vector<Model> sorted;
    for (auto& [key, value] : models) sorted.push_back(std::move(value.first));
    return sorted;
}

}  // namespace einfer::registry
