#include "commands.h"
#include "einfer/client.h"
#include "exit_codes.h"
#include "output.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace einfer::cli {
namespace {

namespace json = boost::json;

std::string as_json(const std::vector<Model>& models) {
    json::array array;
    for (const Model& model : models)
        array.push_back(json::object{
            {"model_id", model.id},
            {"version", model.version},
            {"description", model.description},
            {"layout", name(model.layout)},
            {"input_dimension", model.input_dimension},
            {"output_dimension", model.output_dimension},
            {"max_batch_size", model.max_batch_size},
            {"poly_modulus_degree", model.poly_modulus_degree},
            {"coeff_modulus_bits", json::array(model.coeff_modulus_bits.begin(), model.coeff_modulus_bits.end())},
            {"scale", model.scale},
            {"evaluation_key_bytes", model.evaluation_key_bytes},
        });
    return json::serialize(json::object{{"models", std::move(array)}}) + '\n';
}

using Line = std::array<std::string, 8>;

std::string as_table(const std::vector<Model>& models) {
    std::vector<Line> lines{
        {"MODEL", "VERSION", "LAYOUT", "FEATURES", "OUTPUTS", "ROWS/REQUEST", "RING", "DESCRIPTION"}};
    for (const Model& model : models)
        lines.push_back({model.id, model.version, name(model.layout), std::to_string(model.input_dimension),
                         std::to_string(model.output_dimension), std::to_string(model.max_batch_size),
                         std::to_string(model.poly_modulus_degree), model.description});
    std::array<std::size_t, 8> widths{};
    for (const Line& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());

    std::string text;
    for (const Line& line : lines) {
        for (std::size_t i = 0; i + 1 < line.size(); ++i)
            text += line[i] + std::string(widths[i] + 2 - line[i].size(), ' ');
        text += line.back() + '\n';
    }
    return text;
}

}  // namespace

int run(const ModelsCommand& command) {
    Client client(command.client);
    const auto models = client.models();
    OutputFile("-").commit(command.json ? as_json(models) : as_table(models));
    return exit_ok;
}

}  // namespace einfer::cli
