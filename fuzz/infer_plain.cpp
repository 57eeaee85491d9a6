// POST /infer/plain bodies, the baseline in clear.
//
// Oracle: what is accepted Boost's own parser accepts, with the same names and rows, each number within two units in
// the last place (Boost's own is not exact); every number is finite. What Boost refuses is MALFORMED_JSON.
#include "common/input.h"
#include "common/require.h"
#include "protocol/messages.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <cmath>

namespace einfer::fuzz {
namespace {

namespace json = boost::json;

void compare(const protocol::InferPlainRequest& ours, const json::object& theirs, std::string_view body) {
    require(ours.model_id == theirs.at("model_id").get_string(), "Boost reads the same model_id", body);
    require(ours.version == theirs.at("version").get_string(), "Boost reads the same version", body);
    const json::array& rows = theirs.at("inputs").get_array();
    require(rows.size() == ours.rows.size(), "Boost reads as many rows", body);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const json::array& row = rows[i].get_array();
        require(row.size() == ours.rows[i].size(), "Boost reads as many numbers", body);
        for (std::size_t j = 0; j < row.size(); ++j) {
            const double number = ours.rows[i][j], expected = row[j].to_number<double>();
            require(std::isfinite(number), "numbers are finite", body);
            if (std::isnan(expected)) {  // Boost's zero with an exponent beyond its range
                require(number == 0, "only zero is none to Boost", body);
                continue;
            }
            if (std::isnan(expected)) continue;  // Boost's 0e999: zero by an infinite power of ten
            const double step = std::nextafter(std::abs(number), INFINITY) - std::abs(number);
            require(std::abs(number - expected) <= 2 * step || !std::isfinite(step), "Boost reads the same number",
                    body);
        }
    }
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const unsigned power = input.byte() % 8;
    const std::string body = repeated(input.text(), power);

    const auto ours = einfer::protocol::parse_infer_plain_request(body);
    json::parse_options options;
    options.max_depth = 16;
    boost::system::error_code fault;
    const json::value theirs = json::parse(body, fault, {}, options);
    if (fault) {
        require(!ours && ours.error().code == einfer::ErrorCode::MalformedJson, "Boost's refusals are ours", body);
    } else if (ours) {
        compare(*ours, theirs.as_object(), body);
    }
    return 0;
}
