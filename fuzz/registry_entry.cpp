// Registry entries, from text to a proven plan.
//
// Oracle: an accepted entry has no fault by protocol::find_fault(), a plan that can be made, within its tolerance, and
// a description that the models schema accepts and that is read back as it was. SEAL makes its parameters. A refused
// one says why, and of which kind.
#include "common/input.h"
#include "common/require.h"
#include "he/context.h"
#include "inference/plan.h"
#include "protocol/json_reader.h"
#include "protocol/messages.h"
#include "protocol/schema.h"
#include "registry/registry.h"
#include "support/planner_models.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cmath>

namespace einfer::fuzz {
namespace {

std::optional<protocol::ModelFault> prove(const registry::Model& model) {
    const auto plan = inference::make_plan(test::planner_model(model));
    if (plan) return std::nullopt;
    return protocol::ModelFault{"/", plan.error().message};
}

void require_described(const protocol::ModelDescription& model) {
    const std::string text = protocol::models_body({&model, 1});
    const auto document = protocol::parse_json(text, {.max_string_bytes = 1u << 20});
    require(document.has_value(), "a description is JSON", text);
    require(protocol::check_schema(protocol::Schema::Models, *document).has_value(), "the schema accepts a description",
            text);
    const auto& shown = document->get_object().at("models").get_array().at(0).get_object();
    const protocol::ModelDescription back = protocol::model_from_json(shown);
    require(back.model_id == model.model_id && back.version == model.version && back.description == model.description &&
                back.weights == model.weights && back.bias == model.bias && back.coefficients == model.coefficients &&
                back.max_batch_size == model.max_batch_size && back.encryption.scale == model.encryption.scale &&
                back.encryption.coeff_modulus_bits == model.encryption.coeff_modulus_bits &&
                back.encryption.poly_modulus_degree == model.encryption.poly_modulus_degree &&
                back.encryption.max_multiplicative_depth == model.encryption.max_multiplicative_depth &&
                back.input_dimension == model.input_dimension,
            "a description is read back as it was", text);
}

void require_usable(const registry::Model& model) {
    const protocol::ModelDescription& description = model.description;
    require(!protocol::find_fault(description), "an accepted model has no fault");
    require(model.input_bounds.size() == description.input_dimension, "there is a bound for each feature");
    const auto plan = inference::make_plan(test::planner_model(model));
    require(plan.has_value(), "an accepted model has a plan");
    require(plan->error_bound > 0 && plan->error_bound <= model.tolerance, "the plan is within the tolerance");
    require(plan->result_primes >= 1 && plan->input_primes < description.encryption.coeff_modulus_bits.size(),
            "the plan uses data primes that are there");
    require(std::isfinite(plan->result_scale) && plan->result_scale >= 1, "the result has a scale");
    require_described(description);
    constexpr std::size_t fast_degree = 4096;
    if (description.encryption.poly_modulus_degree > fast_degree) return;
    require(he::Context::create({description.encryption.poly_modulus_degree, description.encryption.coeff_modulus_bits})
                .has_value(),
            "SEAL makes the parameters");
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    Input input(data, size);
    const unsigned power = input.byte() % 6;
    const std::string text = repeated(input.text(), power);
    const auto entry = registry::parse_entry(text, "x.json", prove);
    if (entry) {
        require_usable(*entry);
    } else {
        const registry::Fault& fault = entry.error();
        require(fault.file == "x.json" && !fault.reason.empty() &&
                    (fault.category == "schema" || fault.category == "semantic"),
                "a fault says what is wrong", fault.to_string());
    }
    return 0;
}
