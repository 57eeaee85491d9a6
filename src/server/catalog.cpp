#include "server/catalog.h"

#include "protocol/payload.h"

#include <algorithm>
#include <map>

namespace einfer::server {
namespace {

constexpr std::size_t envelope_bytes = 64 * 1024;  // of a request around its inputs
constexpr std::size_t input_envelope_bytes =
    256;  // {"encoding":…,"payload":…} around one payload, white space included
constexpr std::size_t plain_number_bytes = 32;  // a JSON number with its separator

inference::PolynomialModel planner_view(const registry::Model& model) {
    const protocol::ModelDescription& description = model.description;
    return {
        .poly_modulus_degree = description.encryption.poly_modulus_degree,
        .coeff_modulus_bits = description.encryption.coeff_modulus_bits,
        .scale = description.encryption.scale,
        .max_multiplicative_depth = description.encryption.max_multiplicative_depth,
        .weights = description.weights,
        .bias = description.bias,
        .coefficients = description.coefficients,
        .input_bounds = model.input_bounds,
        .tolerance = model.tolerance,
    };
}

std::optional<protocol::ModelFault> prove(const registry::Model& model) {
    const auto plan = inference::make_plan(planner_view(model));
    if (plan) return std::nullopt;
    protocol::ModelFault fault;
    for (const auto& [key, value] : plan.error().details) (key == "field" ? fault.field : fault.reason) = value;
    return fault;
}

RequestLimits widen(RequestLimits limits, const protocol::ModelDescription& model) {
    const std::size_t degree = model.encryption.poly_modulus_degree;
    const std::size_t primes = model.encryption.coeff_modulus_bits.size() - 1;
    const std::size_t ciphertext = wire::max_serialized_size(2, degree, primes);
    const std::size_t payload = protocol::encoded_size(protocol::Encoding::Hex, ciphertext) + input_envelope_bytes;
    limits.max_ciphertext_bytes = std::max(limits.max_ciphertext_bytes, ciphertext);
    limits.max_ciphertext_words = std::max(limits.max_ciphertext_words, 2 * degree * primes);
    limits.max_body_bytes = std::max(limits.max_body_bytes, envelope_bytes + model.input_dimension * payload);
    limits.max_plain_body_bytes =
        std::max(limits.max_plain_body_bytes,
                 envelope_bytes + model.max_batch_size * (model.input_dimension * plain_number_bytes + 2));
    return limits;
}

void expect(std::vector<wire::Level>& levels, const ServedModel& model) {
    const he::Context& context = *model.context;
    const std::size_t primes = context.data_prime_count();
    const wire::Level level{context.parms_id(primes), context.poly_modulus_degree(), context.level_primes(primes),
                            model.plan.input_primes};
    const auto known = std::ranges::find(levels, level.parms_id, &wire::Level::parms_id);
    if (known == levels.end())
        levels.push_back(level);
    else
        known->kept_primes = std::max(known->kept_primes, level.kept_primes);
}

}  // namespace

boost::system::result<std::unique_ptr<Catalog>, registry::Fault> Catalog::load(const std::filesystem::path& directory) {
    auto loaded = registry::load(directory, prove);
    if (!loaded) return loaded.error();
    std::unique_ptr<Catalog> catalog(new Catalog);
    for (registry::Model& model : *loaded) {
        auto served = std::make_unique<ServedModel>();
        served->plan = *inference::make_plan(planner_view(model));
        served->model = std::move(model);
        catalog->limits_ = widen(catalog->limits_, served->description());
        catalog->models_.push_back(std::move(served));
    }
    return catalog;
}

Result<void> Catalog::make_contexts(he::EvaluatorKind kind) {
    // Models with the same parameters share one context and evaluator: their tables are megabytes.
    struct Made {
        he::Context context;
        std::shared_ptr<const he::Evaluator> evaluator;
    };
    std::map<std::pair<std::size_t, std::vector<int>>, Made> made;
    for (const auto& served : models_) {
        const protocol::EncryptionParameters& encryption = served->description().encryption;
        const std::pair key(encryption.poly_modulus_degree, encryption.coeff_modulus_bits);
        auto found = made.find(key);
        if (found == made.end()) {
            const auto context = he::Context::create({encryption.poly_modulus_degree, encryption.coeff_modulus_bits});
            if (!context) return context.error();
            auto evaluator = he::make_evaluator(kind, *context);
            if (!evaluator) return evaluator.error();
            found = made.emplace(key, Made{*context, *std::move(evaluator)}).first;
        }
        served->context = found->second.context;
        served->evaluator = found->second.evaluator;
    }
    for (const auto& served : models_) expect(input_levels_, *served);
    ready_.store(true, std::memory_order_release);
    return {};
}

Result<const ServedModel*> Catalog::find(std::string_view model_id, std::string_view version) const {
    for (const auto& served : models_)
        if (served->description().model_id == model_id && served->description().version == version) return served.get();
    return Error{ErrorCode::UnknownModel, "no such model and version; GET /models lists them"};
}

}  // namespace einfer::server
