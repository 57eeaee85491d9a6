#include "client/result_payload.h"

#include "client/noise_floor.h"
#include "keys/session.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace einfer::client {
namespace {

/// The level whose parms_id this is, as its number of primes; 0: none of the context's data levels.
std::size_t find_level(const he::Context& context, const wire::ParmsId& parms_id) {
    for (std::size_t primes = context.data_prime_count(); primes > 0; --primes)
        if (context.parms_id(primes) == parms_id) return primes;
    return 0;
}

double modulus_bits(std::span<const std::uint64_t> primes) {
    double bits = 0;
    for (const std::uint64_t prime : primes) bits += std::log2(static_cast<double>(prime));
    return bits;
}

Outcome<he::Ciphertext> check(const wire::Ciphertext& ciphertext, const he::Context& context) {
    if (ciphertext.seed) return bad_reply("its result is a fresh (seeded) encryption, which no evaluation makes");
    if (ciphertext.seal_minor != keys::seal_minor_version())
        return bad_reply("its result is written in another SEAL version than the request");
    const std::size_t level = find_level(context, ciphertext.parms_id);
    if (level == 0) return bad_reply("its result was made with other encryption parameters than the request");

    const wire::CiphertextRules rules{
        .parms_id = context.parms_id(level),
        .key_parms_id = context.key_parms_id(),
        .poly_modulus_degree = context.poly_modulus_degree(),
        .primes = context.level_primes(level),
        .scale = std::nullopt,
    };
    if (const auto fits = wire::check_ciphertext(ciphertext, rules); !fits)
        return bad_reply("its result does not fit the model: " + fits.error().message);
    if (!(std::isfinite(ciphertext.scale) && ciphertext.scale > 0 &&
          std::log2(ciphertext.scale) < modulus_bits(rules.primes)))
        return bad_reply("its result has a scale that its level cannot hold");
    if (noise_floor(context.poly_modulus_degree(), ciphertext.scale) > 1)
        return bad_reply("its result has a scale at which nothing but the noise of encryption is left");

    const auto words = ciphertext.words.span();
    return he::Ciphertext{
        .prime_count = level,
        .size = ciphertext.size,
        .scale = ciphertext.scale,
        .words = {words.begin(), words.end()},
    };
}

}  // namespace

wire::ParserLimits result_limits(const Expectation& expected) {
    const std::size_t degree = expected.context.poly_modulus_degree();
    const std::size_t primes = expected.context.data_prime_count();
    return {
        .max_serialized_bytes = wire::serialized_size(expected.shape.max_size, degree, primes),
        .max_words = expected.shape.max_size * degree * primes,
        .min_size = 2,
        .max_size = expected.shape.max_size,
        .budget = nullptr,
    };
}

ResultPayload::ResultPayload(const Expectation* expected) : expected_(expected) {
    if (expected_ == nullptr) return;
    if (expected_->encoding != protocol::Encoding::Binary) decoder_.emplace(expected_->encoding);
    if (!expected_->shape.compact_bytes) parser_.emplace(result_limits(*expected_));
}

bool ResultPayload::begin(protocol::JsonPath path) {
    return path.size() == 2 && path[0].key == "result" && path[1].key == "payload";
}

void ResultPayload::text(std::string_view part) {
    seen_ = seen_ || !part.empty();
    if (decoder_) decoder_->feed(part, [this](std::span<const std::uint8_t> run) { bytes(run); });
}

void ResultPayload::raw(std::string_view all) {
    seen_ = raw_ = true;
    if (expected_ != nullptr && expected_->encoding == protocol::Encoding::Binary)
        bytes({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()});
}

void ResultPayload::bytes(std::span<const std::uint8_t> run) {
    if (!parser_) {
        // One byte too many is enough to know.
        const std::size_t room = *expected_->shape.compact_bytes + 1 - compact_.size();
        const auto taken = run.first(std::min(run.size(), room));
        compact_.insert(compact_.end(), taken.begin(), taken.end());
        return;
    }
    const std::size_t count = std::min(run.size(), header_.size() - header_bytes_);
    std::copy_n(run.begin(), count, header_.begin() + static_cast<std::ptrdiff_t>(header_bytes_));
    header_bytes_ += count;
    parser_->feed(run);
}

Outcome<CheckedResult> ResultPayload::finish() {
    if (raw_ != (expected_->encoding == protocol::Encoding::Binary))
        return bad_reply("its result is in another form than the request");
    if (decoder_)
        if (const auto decoded = decoder_->finish(); !decoded)
            return bad_reply("its result is not in the request's encoding: " + decoded.error().message);
    if (!parser_) {
        if (compact_.size() != *expected_->shape.compact_bytes)
            return bad_reply("its result is no compact answer for so many rows");
        return CheckedResult{{}, 0, std::move(compact_)};
    }
    const auto ciphertext = parser_->finish();
    if (!ciphertext) return bad_reply("its result is no valid ciphertext: " + ciphertext.error().message);
    wire::SealHeader header;
    if (wire::read_outer_header(header_, header) || header.compression != wire::Compression::none)
        return bad_reply("its result is compressed, which results never are");
    auto checked = check(*ciphertext, expected_->context);
    if (!checked) return checked.error();
    return CheckedResult{*std::move(checked), 0};
}

}  // namespace einfer::client
