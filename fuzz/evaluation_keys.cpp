// SEAL RelinKeys and GaloisKeys through the push parser, at N = 1024 with three primes and two rotations.
//
// Oracle: any chunking gives the same verdict and message. What is accepted SEAL loads to the same words, a seed the
// one that SEAL expands; through a key file it comes back the same. Memory stays below a decompressor's, the budget
// below its limit, and nothing is kept.
#include "common/allocations.h"
#include "common/keys_object.h"
#include "common/object_mutator.h"
#include "common/require.h"
#include "support/verdict.h"
#include "unit/wire/keys.h"
#include "wire/key_file.h"

#include <optional>

namespace einfer::fuzz {
namespace {

using test::KeptKeys;
using wire::KeyKind;

constexpr std::size_t prefix = 3;  // mode, chunking, kind and budget
constexpr std::uint64_t most_words = 2 * 3 * test::Oracle::degree;

const test::KeysOracle& world() {
    static const test::KeysOracle made({30, 30, 40}, {1, 2});
    return made;
}

const wire::ParmsId& key_parms_id() {
    static const wire::ParmsId made = world().rules().key_parms_id;
    return made;
}

class NoSink final : public wire::KeySink {
public:
    wire::MaybeFault begin_key(std::uint32_t) override { return std::nullopt; }
    wire::MaybeFault words(std::span<const std::uint8_t>) override { return std::nullopt; }
    wire::MaybeFault seed(const wire::Seed&) override { return std::nullopt; }
};

Result<wire::KeysReport> parse(KeyKind kind, const Bytes& object, wire::KeySink& sink, MemoryBudget* budget,
                               std::optional<std::uint8_t> chunking) {
    wire::EvaluationKeysParser parser(kind, world().rules(), sink, budget);
    const auto feed = [&](std::span<const std::uint8_t> piece) { parser.feed(piece); };
    if (chunking)
        feed_in_chunks(std::span<const std::uint8_t>(object), *chunking, feed);
    else
        feed(object);
    return parser.finish();
}

void require_bounded_memory(KeyKind kind, const Bytes& object, std::uint8_t chunking) {
    NoSink sink;
    const Allocations allocations;
    (void)parse(kind, object, sink, nullptr, chunking);
    constexpr std::size_t buffer_and_parser = 40 * 1024;
    require_below(allocations, ZSTD_estimateDStreamSize(wire::max_keys_size(kind, world().rules())) + buffer_and_parser,
                  "keys take bounded memory");
}

void require_seal_agrees(KeyKind kind, const KeptKeys& ours, const Bytes& object) {
    const Bytes plain = uncompressed(object, wire::max_keys_size(kind, world().rules()));
    const auto theirs = world().load(kind, test::keys_with_minor(plain, SEAL_VERSION_MINOR));
    require(theirs.has_value(), "SEAL loads what is accepted");
    require(world().same(ours, *theirs), "SEAL loads the same words");
}

void require_comes_back(KeyKind kind, const KeptKeys& ours, const Bytes& object) {
    const wire::KeyRules rules = world().rules();
    const bool relinearization = kind == KeyKind::relinearization;
    wire::KeyFileHeader header{.poly_modulus_degree = rules.poly_modulus_degree,
                               .primes = rules.primes.size(),
                               .key_parms_id = rules.key_parms_id,
                               .relinearization = relinearization,
                               .galois_elements = {}};
    if (!relinearization) header.galois_elements = world().elements();
    Bytes file;
    wire::KeyFileWriter writer(header, [&file](std::span<const std::uint8_t> bytes) -> wire::MaybeFault {
        file.insert(file.end(), bytes.begin(), bytes.end());
        return std::nullopt;
    });
    require(!writer.begin() && parse(kind, object, writer, nullptr, 2) && writer.is_complete(),
            "accepted keys are written");
    std::size_t at = 0;
    auto reader = wire::KeyFileReader::open(file.size(), [&](std::span<std::uint8_t> to) {
        if (to.size() > file.size() - at) return false;
        std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
        at += to.size();
        return true;
    });
    require(reader && reader->header() == header, "a key file has its header");
    std::vector<std::uint64_t> first(world().polynomial_words()), second(first.size());
    for (const KeptKeys::Key& key : ours.keys)
        for (const KeptKeys::Digit& digit : key.digits) {
            const auto seed = reader->read_digit(first, second);
            require(seed.has_value() && seed->has_value() == digit.seed.has_value(), "a key file has its digits");
            require(!*seed || ((*seed)->bytes == digit.seed->bytes && (*seed)->generator == digit.seed->generator),
                    "a key file has the same seeds");
            require(std::memcmp(first.data(), digit.words.data(), 8 * first.size()) == 0 &&
                        (*seed ||
                         std::memcmp(second.data(), digit.words.data() + 8 * first.size(), 8 * second.size()) == 0),
                    "a key file has the same words");
        }
    require(at == file.size(), "nothing follows in a key file");
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t mode = input.byte(), chunking = input.byte(), choice = input.byte();
    const auto kind = (choice & 1) != 0 ? KeyKind::galois : KeyKind::relinearization;
    const std::size_t budget_units = choice >> 1;
    const Bytes object = keys_from(input.rest(), mode, key_parms_id(), most_words);

    require_bounded_memory(kind, object, chunking);
    MemoryBudget limited(budget_units * 8192);
    MemoryBudget* const budget = budget_units == 0 ? nullptr : &limited;
    KeptKeys kept(world().polynomial_words()), again(world().polynomial_words());
    const auto whole = parse(kind, object, kept, budget, std::nullopt);
    const auto cut = parse(kind, object, again, budget, chunking);
    require(test::text_of(whole) == test::text_of(cut), "chunking changes no verdict",
            test::text_of(whole) + " / " + test::text_of(cut));
    require(limited.used() == 0, "nothing is kept");
    if (!whole) return 0;
    require(kept.keys == again.keys, "chunking changes no word");
    require_seal_agrees(kind, kept, object);
    require_comes_back(kind, kept, object);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    using namespace einfer::fuzz;
    std::minstd_rand random(seed);
    const auto choice = random() % 16;
    if (choice < 7 && size > prefix) {
        const std::span object(data + prefix, size - prefix);
        const auto entries = entries_in(object);
        if (!entries.empty()) {
            const auto entry = object.subspan(entries[random() % entries.size()], key_entry_prefix);
            if (mutate_field(entry, random, einfer::test::Oracle::degree, key_parms_id(), 1.0)) return size;
        }
    }
    if (choice == 7 && size > prefix) {  // the described object itself, so that its compressed bytes are mutated
        const auto object = keys_from({data + prefix, size - prefix}, data[0], key_parms_id(), most_words);
        if ((data[0] & 3) != 0 && prefix + object.size() <= max_size) {
            std::copy(object.begin(), object.end(), data + prefix);
            data[0] &= static_cast<std::uint8_t>(~3u);
            return prefix + object.size();
        }
    }
    return LLVMFuzzerMutate(data, size, max_size);
}
