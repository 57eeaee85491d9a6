#include "server/key_needs.h"

#include "kernels/galois.h"
#include "wire/encryption_parameters.h"

#include <algorithm>

namespace einfer::server {
namespace {

/// "1,-2,64"
template <class Number>
std::string list(std::span<const Number> numbers) {
    std::string text;
    for (const Number number : numbers) {
        if (!text.empty()) text += ',';
        text += std::to_string(number);
    }
    return text;
}

}  // namespace

std::vector<std::uint32_t> galois_elements(std::size_t degree, std::span<const int> steps) {
    std::vector<std::uint32_t> elements;
    for (const int step : steps) elements.push_back(kernels::galois_element(degree, step));
    std::ranges::sort(elements);
    const auto repeated = std::ranges::unique(elements);
    elements.erase(repeated.begin(), repeated.end());
    return elements;
}

std::size_t max_key_upload(const protocol::ModelView& model) {
    if (!model.keys.any()) return 0;
    const std::vector<std::uint64_t> primes(model.coeff_modulus_bits.size());
    const auto elements = galois_elements(model.poly_modulus_degree, model.keys.galois_steps);
    const wire::KeyRules sizes{
        .poly_modulus_degree = model.poly_modulus_degree, .primes = primes, .galois_elements = elements};
    return wire::galois_keys_size(model.poly_modulus_degree, primes.size(), 1) +
           (model.keys.relinearization ? wire::max_keys_size(wire::KeyKind::relinearization, sizes) : 0) +
           (elements.empty() ? 0 : wire::max_keys_size(wire::KeyKind::galois, sizes));
}

KeyNeeds::KeyNeeds(const protocol::EvaluationKeyNeeds& needs, const he::Context& context)
    : steps_(needs.galois_steps), primes_(context.primes().begin(), context.primes().end()) {
    for (std::size_t primes = 1; primes <= context.data_prime_count(); ++primes)
        data_parms_ids_.push_back(context.parms_id(primes));
    header_ = std::make_shared<const wire::KeyFileHeader>(wire::KeyFileHeader{
        .poly_modulus_degree = context.poly_modulus_degree(),
        .primes = primes_.size(),
        .key_parms_id = context.key_parms_id(),
        .relinearization = needs.relinearization,
        .galois_elements = galois_elements(context.poly_modulus_degree(), steps_),
    });
}

wire::KeyRules KeyNeeds::rules() const {
    return {.poly_modulus_degree = header_->poly_modulus_degree,
            .primes = primes_,
            .key_parms_id = header_->key_parms_id,
            .data_parms_ids = data_parms_ids_,
            .galois_elements = header_->galois_elements};
}

Error KeyNeeds::required(std::string message, std::vector<std::pair<std::string, std::string>> about) const {
    Error error{ErrorCode::EvaluationKeyRequired, std::move(message), std::move(about)};
    error.details.emplace_back("relinearization", header_->relinearization ? "needed" : "not needed");
    error.details.emplace_back("galois_steps", list(std::span<const int>(steps_)));
    error.details.emplace_back("how", "GET /keys?api_version=1.1 says which, POST /keys takes them");
    return error;
}

Result<void> KeyNeeds::check(const wire::KeyFileHeader& stored) const {
    if (stored.poly_modulus_degree != header_->poly_modulus_degree || stored.primes != header_->primes ||
        stored.key_parms_id != header_->key_parms_id)
        return required("the evaluation keys were made for other parameters than the model's",
                        {{"evaluation_key_id", "other parameters"}});
    const bool lacks_relinearization = header_->relinearization && !stored.relinearization;
    std::vector<std::uint32_t> missing;
    std::ranges::set_difference(header_->galois_elements, stored.galois_elements, std::back_inserter(missing));
    if (!lacks_relinearization && missing.empty()) return {};
    std::vector<std::pair<std::string, std::string>> about{{"evaluation_key_id", "incomplete"}};
    if (lacks_relinearization) about.emplace_back("missing_relinearization", "true");
    if (!missing.empty()) about.emplace_back("missing_galois_elements", list(std::span<const std::uint32_t>(missing)));
    return required("the evaluation keys are not all that the model needs", std::move(about));
}

protocol::KeysMessage::EvaluationKeys KeyNeeds::message() const {
    const std::size_t degree = header_->poly_modulus_degree, primes = header_->primes;
    const std::size_t rotations = header_->galois_elements.size();
    protocol::KeysMessage::EvaluationKeys message{
        .relinearization = header_->relinearization,
        .galois_steps = steps_,
        .galois_elements = header_->galois_elements,
    };
    if (header_->relinearization) {
        message.relinearization_bytes = wire::relin_keys_size(degree, primes);
        message.seeded_relinearization_bytes = wire::seeded_relin_keys_size(degree, primes);
    }
    if (rotations > 0) {
        message.galois_bytes = wire::galois_keys_size(degree, primes, rotations);
        message.seeded_galois_bytes = wire::seeded_galois_keys_size(degree, primes, rotations);
    }
    return message;
}

}  // namespace einfer::server
