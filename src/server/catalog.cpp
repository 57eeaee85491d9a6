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

RequestLimits widen(RequestLimits limits, const protocol::ModelView& model) {
    const std::size_t degree = model.poly_modulus_degree, primes = model.data_primes();
    const std::size_t ciphertext = wire::max_serialized_size(2, degree, primes);
    const std::size_t payload = protocol::encoded_size(protocol::Encoding::Hex, ciphertext) + input_envelope_bytes;
    limits.max_ciphertext_bytes = std::max(limits.max_ciphertext_bytes, ciphertext);
    limits.max_ciphertext_words = std::max(limits.max_ciphertext_words, 2 * degree * primes);
    limits.max_body_bytes = std::max(limits.max_body_bytes, envelope_bytes + model.input_ciphertexts() * payload);
    limits.max_plain_body_bytes =
        std::max(limits.max_plain_body_bytes,
                 envelope_bytes + model.max_batch_size * (model.input_dimension * plain_number_bytes + 2));
    limits.max_keys_body_bytes =
        std::max(limits.max_keys_body_bytes,
                 envelope_bytes + protocol::encoded_size(protocol::Encoding::Hex, max_key_upload(model)));
    return limits;
}

void expect(std::vector<wire::Level>& levels, const ServedModel& model) {
    const he::Context& context = *model.context;
    const std::size_t primes = context.data_prime_count();
    const wire::Level level{context.parms_id(primes), context.poly_modulus_degree(), context.level_primes(primes),
                            model.executable->kept_primes()};
    const auto known = std::ranges::find(levels, level.parms_id, &wire::Level::parms_id);
    if (known == levels.end())
        levels.push_back(level);
    else
        known->kept_primes = std::max(known->kept_primes, level.kept_primes);
}

}  // namespace

boost::system::result<std::unique_ptr<Catalog>, registry::Fault> Catalog::load(const std::filesystem::path& directory) {
    auto loaded = registry::load(directory, prove_columns);
    if (!loaded) return loaded.error();
    std::unique_ptr<Catalog> catalog(new Catalog);
    for (registry::Model& model : loaded->columns) catalog->add(make_columns_executable(std::move(model)));
    for (registry::NetworkModel& model : loaded->networks)
        catalog->add(std::holds_alternative<LinearPacking>(model.plan) ? make_linear_executable(std::move(model))
                                                                       : make_slots_executable(std::move(model)));
    catalog->sort();
    return catalog;
}

std::unique_ptr<Catalog> Catalog::of(std::vector<DescribedExecutable> models) {
    std::unique_ptr<Catalog> catalog(new Catalog);
    for (DescribedExecutable& model : models) catalog->add(std::move(model));
    catalog->sort();
    return catalog;
}

void Catalog::add(DescribedExecutable model) {
    limits_ = widen(limits_, model.view);
    models_.push_back(
        std::make_unique<ServedModel>(std::move(model.view), std::move(model.executable), std::nullopt, nullptr));
}

void Catalog::sort() {
    std::ranges::sort(models_, {},
                      [](const auto& served) { return std::pair(served->view.model_id, served->view.version); });
}

Result<void> Catalog::make_contexts(he::EvaluatorKind kind) {
    // Models with the same parameters share one context and evaluator: their tables are megabytes.
    struct Made {
        he::Context context;
        std::shared_ptr<const he::Evaluator> evaluator;
    };
    std::map<std::pair<std::size_t, std::vector<int>>, Made> made;
    for (const auto& served : models_) {
        const std::pair key(served->view.poly_modulus_degree, served->view.coeff_modulus_bits);
        auto found = made.find(key);
        if (found == made.end()) {
            const auto context = he::Context::create({key.first, key.second});
            if (!context) return context.error();
            auto evaluator = he::make_evaluator(kind, *context);
            if (!evaluator) return evaluator.error();
            found = made.emplace(key, Made{*context, *std::move(evaluator)}).first;
        }
        served->context = found->second.context;
        served->evaluator = found->second.evaluator;
        if (served->view.keys.any()) served->key_needs.emplace(served->view.keys, *served->context);
        if (const auto prepared = served->executable->prepare(*served->context); !prepared) {
            Error error = prepared.error();
            error.message.insert(0, served->view.model_id + '@' + served->view.version + ": ");
            return error;
        }
    }
    for (const auto& served : models_) expect(input_levels_, *served);
    ready_.store(true, std::memory_order_release);
    return {};
}

Result<const ServedModel*> Catalog::find(std::string_view model_id, std::string_view version) const {
    for (const auto& served : models_)
        if (served->view.model_id == model_id && served->view.version == version) return served.get();
    return Error{ErrorCode::UnknownModel, "no such model and version; GET /models lists them"};
}

}  // namespace einfer::server
