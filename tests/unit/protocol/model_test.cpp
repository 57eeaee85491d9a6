// The model object of v1.0, and what a schema cannot say of it.
#include "protocol/model.h"

#include "protocol/json_reader.h"
#include "protocol/messages.h"
#include "protocol/schema.h"
#include "support/models.h"
#include "support/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace einfer::test {
namespace {

namespace json = boost::json;
using protocol::ModelDescription;

ModelDescription read(const std::string& text) {
    return protocol::model_from_json(protocol::parse_json(text).value().get_object());
}

ModelDescription small_model() { return read(std::string(small_entry)); }

TEST(ModelDescription, ShippedModelsRoundTripAndShowTheViewOnly) {
    std::vector<ModelDescription> models;
    for (const auto& path : json_files(source_dir / "models")) {
        if (read_file(path).find("\"format\"") != std::string::npos) continue;  // of v1.1
        const ModelDescription model = read(read_file(path));
        EXPECT_FALSE(protocol::find_fault(model)) << path;
        const json::object shown = protocol::to_json(model);
        const ModelDescription again = protocol::model_from_json(shown);
        EXPECT_EQ(json::serialize(protocol::to_json(again)), json::serialize(shown)) << path;
        EXPECT_EQ(again.weights, model.weights) << "exact";
        EXPECT_EQ(again.coefficients, model.coefficients);
        EXPECT_EQ(again.bias, model.bias);
        EXPECT_EQ(again.encryption.scale, model.encryption.scale);
        for (const char* hidden : {"input_bounds", "tolerance", "feature_names", "class_names", "provenance"})
            EXPECT_FALSE(shown.contains(hidden)) << hidden;
        models.push_back(model);
    }
    ASSERT_GE(models.size(), 3u);
    const auto list = protocol::parse_json(protocol::models_body(models));
    ASSERT_TRUE(list);
    EXPECT_EQ(text_of(protocol::check_schema(protocol::Schema::Models, *list)), "OK");
    const auto empty = protocol::parse_json(protocol::models_body({}));
    EXPECT_EQ(text_of(protocol::check_schema(protocol::Schema::Models, *empty)), "OK");
}

TEST(ModelDescription, IntegersAreShownAsIntegers) {
    ModelDescription model = small_model();
    model.encryption.scale = 1099511627776.0;
    model.bias = -3;
    model.weights = {0.1, 1e17};
    const std::string shown = json::serialize(protocol::to_json(model));
    EXPECT_NE(shown.find("\"scale\":1099511627776,"), std::string::npos) << shown;
    EXPECT_NE(shown.find("\"bias\":-3}"), std::string::npos) << shown;
    EXPECT_NE(shown.find("\"weights\":[1E-1,1E17]"), std::string::npos) << shown;
}

using Change = std::function<void(ModelDescription&)>;

struct Case {
    const char* name;
    Change change;
    const char* field;  ///< nullptr: no fault
};

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Change chain(std::size_t degree, std::vector<int> bits) {
    return [degree, bits](ModelDescription& model) {
        model.encryption.poly_modulus_degree = degree;
        model.encryption.coeff_modulus_bits = bits;
        model.encryption.scale = 1 << 10;
        model.encryption.max_multiplicative_depth = 0;
    };
}

constexpr const char* degree_field = "/encryption_parameters/poly_modulus_degree";
constexpr const char* bits_field = "/encryption_parameters/coeff_modulus_bits";
constexpr const char* scale_field = "/encryption_parameters/scale";
constexpr const char* depth_field = "/encryption_parameters/max_multiplicative_depth";

std::vector<int> primes(std::size_t count, int bits, int last) {
    std::vector<int> all(count, bits);
    all.push_back(last);
    return all;
}

const Case cases[] = {
    {"as it is", [](ModelDescription&) {}, nullptr},
    // Degrees.
    {"degree 0", chain(0, {30, 30}), degree_field},
    {"degree 1", chain(1, {30, 30}), degree_field},
    {"degree 512", chain(512, {30, 30}), degree_field},
    {"degree 1024 is known, but no two primes fit", chain(1024, {20, 20}), bits_field},
    {"degree 4095", chain(4095, {30, 30}), degree_field},
    {"degree 4097", chain(4097, {30, 30}), degree_field},
    {"degree 12288", chain(12288, {30, 30}), degree_field},
    {"degree 32768", chain(32768, {60, 60}), nullptr},
    {"degree 65536", chain(65536, {60, 60}), degree_field},
    // 128 bits of security: the bound itself is good, one bit more is not.
    {"54 bits at 2048", chain(2048, {27, 27}), nullptr},
    {"55 bits at 2048", chain(2048, {27, 28}), bits_field},
    {"109 bits at 4096", chain(4096, {36, 36, 37}), nullptr},
    {"110 bits at 4096", chain(4096, {36, 37, 37}), bits_field},
    {"218 bits at 8192", chain(8192, {60, 50, 48, 60}), nullptr},
    {"219 bits at 8192", chain(8192, {60, 50, 49, 60}), bits_field},
    {"438 bits at 16384", chain(16384, {60, 60, 60, 60, 60, 60, 30, 48}), nullptr},
    {"439 bits at 16384", chain(16384, {60, 60, 60, 60, 60, 60, 30, 49}), bits_field},
    {"881 bits at 32768", chain(32768, primes(14, 59, 55)), nullptr},
    {"882 bits at 32768", chain(32768, primes(14, 59, 56)), bits_field},
    // Primes.
    {"no prime", chain(4096, {}), bits_field},
    {"one prime", chain(4096, {60}), bits_field},
    {"a prime of 20 bits", chain(4096, {20, 20}), nullptr},
    {"a prime of 19 bits", chain(4096, {30, 19}), "/encryption_parameters/coeff_modulus_bits/1"},
    {"a prime of 60 bits", chain(8192, {60, 60}), nullptr},
    {"a prime of 61 bits", chain(8192, {61, 60}), "/encryption_parameters/coeff_modulus_bits/0"},
    {"a prime of 0 bits", chain(4096, {0, 30}), "/encryption_parameters/coeff_modulus_bits/0"},
    {"primes of 2^31 - 1 bits", chain(4096, {2147483647, 2147483647}), "/encryption_parameters/coeff_modulus_bits/0"},
    // Small primes are scarce: of 20 bits there is one that is 1 modulo 65536, and there are two for half that degree.
    {"the only prime of 20 bits at 32768", chain(32768, {20, 30}), nullptr},
    {"one more than there is", chain(32768, {20, 20}), bits_field},
    {"both primes of 20 bits at 16384", chain(16384, {60, 20, 20}), nullptr},
    {"one more than both", chain(16384, {20, 60, 20, 20}), bits_field},
    {"all 47 primes of 26 bits would not be secure, 33 are there", chain(32768, primes(32, 26, 26)), nullptr},
    // Scale.
    {"scale 1", [](ModelDescription& m) { m.encryption.scale = 1; }, nullptr},
    {"scale below 1", [](ModelDescription& m) { m.encryption.scale = std::nextafter(1.0, 0.0); }, scale_field},
    {"scale 0", [](ModelDescription& m) { m.encryption.scale = 0; }, scale_field},
    {"scale -2^30", [](ModelDescription& m) { m.encryption.scale = -0x1p30; }, scale_field},
    {"scale 2^70 in 72 bits", [](ModelDescription& m) { m.encryption.scale = 0x1p70; }, nullptr},
    {"scale 2^71 in 72 bits", [](ModelDescription& m) { m.encryption.scale = 0x1p71; }, scale_field},
    {"scale infinite", [](ModelDescription& m) { m.encryption.scale = infinity; }, scale_field},
    {"scale NaN", [](ModelDescription& m) { m.encryption.scale = nan; }, scale_field},
    // Depth: three primes, two of data, one level.
    {"depth 0", [](ModelDescription& m) { m.encryption.max_multiplicative_depth = 0; }, nullptr},
    {"depth 1", [](ModelDescription& m) { m.encryption.max_multiplicative_depth = 1; }, nullptr},
    {"depth 2", [](ModelDescription& m) { m.encryption.max_multiplicative_depth = 2; }, depth_field},
    {"depth -1", [](ModelDescription& m) { m.encryption.max_multiplicative_depth = -1; }, depth_field},
    // Numbers and dimensions.
    {"a weight too few", [](ModelDescription& m) { m.weights.pop_back(); }, "/parameters/weights"},
    {"a weight too many", [](ModelDescription& m) { m.weights.push_back(1); }, "/parameters/weights"},
    {"infinite weight", [](ModelDescription& m) { m.weights[1] = infinity; }, "/parameters/weights"},
    {"NaN weight", [](ModelDescription& m) { m.weights[0] = nan; }, "/parameters/weights"},
    {"infinite bias", [](ModelDescription& m) { m.bias = -infinity; }, "/parameters/bias"},
    {"NaN coefficient", [](ModelDescription& m) { m.coefficients[2] = nan; }, "/activation_parameters/coefficients"},
    // Batch: N/2 slots.
    {"batch 1", [](ModelDescription& m) { m.max_batch_size = 1; }, nullptr},
    {"batch 2048", [](ModelDescription& m) { m.max_batch_size = 2048; }, nullptr},
    {"batch 2049", [](ModelDescription& m) { m.max_batch_size = 2049; }, "/constraints/max_batch_size"},
    {"batch 0", [](ModelDescription& m) { m.max_batch_size = 0; }, "/constraints/max_batch_size"},
};

TEST(ModelFault, IsFoundAndNamed) {
    for (const Case& each : cases) {
        ModelDescription model = small_model();
        each.change(model);
        const auto fault = protocol::find_fault(model);
        ASSERT_EQ(fault.has_value(), each.field != nullptr)
            << each.name << ": " << (fault ? fault->reason : "no fault");
        if (!fault) continue;
        EXPECT_EQ(fault->field, each.field) << each.name;
        EXPECT_FALSE(fault->reason.empty()) << each.name;
    }
}

TEST(ModelDescription, NegativeZeroKeepsItsSign) {
    ModelDescription model = small_model();
    model.bias = -0.0;
    EXPECT_TRUE(std::signbit(protocol::model_from_json(protocol::to_json(model)).bias));
}

}  // namespace
}  // namespace einfer::test
