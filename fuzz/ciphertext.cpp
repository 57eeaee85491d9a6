// SEAL ciphertexts through the push parser and the checks, at N = 1024 with two data primes.
//
// Oracle: any chunking gives the same verdict. What parser and checks accept, SEAL loads to the same words and finds
// valid; a seed is the one that SEAL expands. A full ciphertext written again has the bytes of its uncompressed form.
// Memory stays below what the limits allow, the budget below its limit, and nothing of it is kept.
#include "common/allocations.h"
#include "common/object_mutator.h"
#include "common/objects.h"
#include "common/require.h"
#include "support/verdict.h"
#include "unit/wire/oracle.h"

#include <seal/util/rlwe.h>

#include <cstring>
#include <optional>

namespace einfer::fuzz {
namespace {

constexpr std::size_t prefix = 3;  // mode, chunking, budget

const test::Oracle& oracle() {
    static const test::Oracle made({30, 30, 40});
    return made;
}

Result<wire::Ciphertext> parse(const Bytes& object, const wire::ParserLimits& limits, std::uint8_t chunking) {
    wire::CiphertextParser parser(limits);
    feed_in_chunks(std::span<const std::uint8_t>(object), chunking,
                   [&](std::span<const std::uint8_t> piece) { parser.feed(piece); });
    return parser.finish();
}

void require_same(const Result<wire::Ciphertext>& one, const Result<wire::Ciphertext>& other, bool is_zstd) {
    require(test::code_of(one) == test::code_of(other), "chunking changes no verdict",
            test::text_of(one) + " / " + test::text_of(other));
    if (!one) {
        // Of several faults in one zstd frame, libzstd may see another one first when it has more of the frame.
        require(is_zstd || test::text_of(one) == test::text_of(other), "chunking changes no message",
                test::text_of(one) + " / " + test::text_of(other));
        return;
    }
    require(one->parms_id == other->parms_id && std::ranges::equal(one->words.span(), other->words.span()) &&
                one->seed.has_value() == other->seed.has_value() &&
                (!one->seed || one->seed->bytes == other->seed->bytes),
            "chunking changes no word");
}

void require_seal_agrees(const wire::Ciphertext& ours, const Bytes& plain) {
    const auto theirs = oracle().load(test::with_own_minor(plain));
    require(theirs.has_value(), "SEAL loads what is accepted");
    require(test::same(ours, *theirs), "SEAL loads the same words");
    require(seal::is_valid_for(*theirs, oracle().context()), "SEAL finds it valid");
    if (!ours.seed) return;
    seal::prng_seed_type seed;
    std::memcpy(seed.data(), ours.seed->bytes.data(), sizeof seed);
    const seal::UniformRandomGeneratorInfo info(static_cast<seal::prng_type>(ours.seed->generator), seed);
    std::vector<std::uint64_t> second(ours.words.size());
    seal::util::sample_poly_uniform(info.make_prng(), oracle().context().first_context_data()->parms(), second.data());
    require(std::equal(second.begin(), second.end(), theirs->data(1)), "the seed is the one that SEAL expands");
}

void require_canonical(const wire::Ciphertext& ours, const Bytes& plain) {
    if (ours.seed) return;
    const Bytes written = wire::write_ciphertext({.seal_minor = ours.seal_minor,
                                                  .parms_id = ours.parms_id,
                                                  .size = ours.size,
                                                  .poly_modulus_degree = ours.poly_modulus_degree,
                                                  .coeff_modulus_size = ours.coeff_modulus_size,
                                                  .scale = ours.scale,
                                                  .words = ours.words.span()});
    require(written == plain, "written again it has the same bytes");
}

void require_bounded_memory(const Bytes& object, const wire::ParserLimits& limits, std::uint8_t chunking) {
    const Allocations allocations;
    (void)parse(object, limits, chunking);
    constexpr std::size_t buffer_and_parser = 40 * 1024;
    require_below(allocations, 8 * limits.max_words + ZSTD_estimateDStreamSize(ZSTD_BLOCKSIZE_MAX) + buffer_and_parser,
                  "an object takes bounded memory");
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t mode = input.byte(), chunking = input.byte(), budget_units = input.byte();
    const Bytes object = object_from(input.rest(), mode, oracle().rules().parms_id);

    MemoryBudget budget(std::size_t{budget_units} * 4096);
    auto limits = oracle().limits(3);
    require_bounded_memory(object, limits, chunking);
    if (budget_units != 0) limits.budget = &budget;
    {
        const auto whole = wire::parse_ciphertext(object, limits);
        require(whole || budget.used() == 0, "a refused object keeps no memory");
        const auto given_back = budget.used();
        {
            // With a second budget: the first is partly used up.
            MemoryBudget other(budget.limit());
            auto again = limits;
            if (limits.budget != nullptr) again.budget = &other;
            require_same(whole, parse(object, again, chunking),
                         object.size() > test::at::compression && object[test::at::compression] == test::zstd);
            require(other.used() == 0, "a ciphertext's memory goes with it");
        }
        require(budget.used() == given_back, "parsers share nothing");
        if (whole) {
            const Bytes plain = uncompressed(object);
            require_canonical(*whole, plain);
            auto rules = oracle().rules();
            rules.scale = whole->scale;
            if (wire::check_ciphertext(*whole, rules)) require_seal_agrees(*whole, plain);
        }
    }
    require(budget.used() == 0, "a ciphertext's memory goes with it");
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    using namespace einfer::fuzz;
    std::minstd_rand random(seed);
    const auto choice = random() % 16;
    if (choice < 7 && size > prefix) {
        const std::span object(data + prefix, size - prefix);
        bool changed = false;
        for (auto left = 1 + random() % 3; left > 0; --left)
            changed |= mutate_field(object, random, einfer::test::Oracle::degree, oracle().rules().parms_id,
                                    einfer::test::Oracle::scale);
        if (changed) return size;
    }
    if (choice == 7 && size > prefix) {  // the described object itself, so that its compressed bytes are mutated
        const auto object = object_from({data + prefix, size - prefix}, data[0], oracle().rules().parms_id);
        if ((data[0] & 3) != 0 && prefix + object.size() <= max_size) {
            std::copy(object.begin(), object.end(), data + prefix);
            data[0] &= static_cast<std::uint8_t>(~3u);
            return prefix + object.size();
        }
    }
    return LLVMFuzzerMutate(data, size, max_size);
}
