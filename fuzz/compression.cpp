// zlib and zstd streams through the push inflaters, into a ciphertext's body.
//
// Oracle: any chunking gives the same verdict. What is accepted the libraries decompress at once to the same bytes, no
// more of them than the body declares; and a zlib stream that zlib takes whole, around a body that is right, is
// accepted. The memory held is what was taken from the budget, and bounded by the limits.
#include "common/allocations.h"
#include "common/object_mutator.h"
#include "common/objects.h"
#include "common/require.h"
#include "wire/ciphertext_body.h"
#include "wire/inflater.h"

#include <cstring>
#include <memory>
#include <optional>

namespace einfer::fuzz {
namespace {

constexpr std::size_t prefix = 3;  // mode, chunking, codec and minor version
constexpr std::size_t degree = 1024;
constexpr wire::ParserLimits limits{.max_serialized_bytes = 1u << 20, .max_words = 4 * degree, .max_size = 3};

struct Stream {
    Bytes bytes;
    bool is_zstd = false;
    std::uint8_t minor = 0;
};

/// Raw shapes are a stream; others describe a body, which is compressed.
Stream stream_from(std::span<const std::uint8_t> bytes, std::uint8_t mode, std::uint8_t codec) {
    Stream stream{.bytes = {}, .is_zstd = (codec & 1) != 0, .minor = static_cast<std::uint8_t>((codec >> 1) % 5)};
    if ((mode & 3) == 0) {
        stream.bytes.assign(bytes.begin(), bytes.end());
        return stream;
    }
    Bytes description(16);
    description.insert(description.end(), bytes.begin(), bytes.end());
    const auto shape = stream.is_zstd ? Shape::zstd : Shape::zlib;
    const Bytes object =
        object_from(description, static_cast<std::uint8_t>((mode & ~7u) | static_cast<unsigned>(shape)));
    stream.bytes.assign(object.begin() + 16, object.end());
    return stream;
}

struct Verdict {
    std::optional<wire::Ciphertext> ciphertext;
    wire::MaybeFault fault;  ///< neither: the stream or the body ends early
};

Verdict inflate(const Stream& stream, std::uint8_t chunking, bool whole, MemoryBudget& budget) {
    wire::CiphertextBody body(limits);
    body.set_minor(stream.minor);
    const auto inflater = stream.is_zstd ? wire::make_zstd_inflater(&budget) : wire::make_zlib_inflater(&budget);
    Verdict verdict;
    const auto feed = [&](std::span<const std::uint8_t> piece) {
        if (!verdict.fault) verdict.fault = inflater->feed(piece, body);
    };
    if (whole)
        feed(stream.bytes);
    else
        feed_in_chunks(std::span<const std::uint8_t>(stream.bytes), chunking, feed);
    if (!verdict.fault && body.is_complete() && inflater->at_end()) verdict.ciphertext = body.take();
    return verdict;
}

std::string_view text_of(const Verdict& verdict, bool with_message) {
    if (verdict.ciphertext) return "accepted";
    if (!verdict.fault) return "ends early";
    if (with_message) return verdict.fault->message;
    return traits(verdict.fault->code).name;
}

/// Of a zstd stream a fault and a stream that ends early are one: libzstd may look further when it has more.
bool same(const Verdict& one, const Verdict& other, bool is_zstd) {
    if (is_zstd && !one.ciphertext && !other.ciphertext) {
        const auto code = [](const Verdict& v) { return v.fault ? v.fault->code : ErrorCode::InvalidCiphertext; };
        return code(one) == code(other);
    }
    return text_of(one, !is_zstd) == text_of(other, !is_zstd) &&
           (!one.ciphertext || std::ranges::equal(one.ciphertext->words.span(), other.ciphertext->words.span()));
}

/// The body that zlib makes of the whole stream and nothing but it.
std::optional<Bytes> zlib_at_once(const Bytes& stream) {
    Bytes body(most_body_bytes);
    uLongf size = body.size();
    uLong used = stream.size();
    if (uncompress2(body.data(), &size, stream.data(), &used) != Z_OK || used != stream.size()) return std::nullopt;
    body.resize(size);
    return body;
}

void require_same_bytes(const wire::Ciphertext& ours, const Stream& stream) {
    const Bytes body = inflated(stream.bytes, stream.is_zstd ? test::zstd : test::zlib);
    const std::size_t words = 8 * ours.words.size();
    const std::size_t expected = wire::layout::words + words + (ours.seed ? wire::layout::seed_object_size : 0);
    require(body.size() == expected, "the library makes as many bytes");
    require(std::memcmp(body.data() + wire::layout::words, ours.words.data(), words) == 0,
            "the library makes the same words");
    require(!ours.seed || std::memcmp(body.data() + body.size() - 64, ours.seed->bytes.data(), 64) == 0,
            "the library makes the same seed");
}

bool is_right(const Bytes& plain, std::uint8_t minor) {
    wire::CiphertextBody body(limits);
    body.set_minor(minor);
    return !body.consume(plain) && body.is_complete();
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t mode = input.byte(), chunking = input.byte(), codec = input.byte();
    const Stream stream = stream_from(input.rest(), mode, codec);

    MemoryBudget budget(64u << 20);
    const Verdict whole = inflate(stream, chunking, true, budget);
    require(same(whole, inflate(stream, chunking, false, budget), stream.is_zstd), "chunking changes no verdict",
            text_of(whole, true));
    if (whole.ciphertext) {
        require(whole.ciphertext->words.size() <= limits.max_words, "no more words than the limits allow");
        require_same_bytes(*whole.ciphertext, stream);
    } else if (!stream.is_zstd) {
        const auto plain = zlib_at_once(stream.bytes);
        require(!plain || !is_right(*plain, stream.minor), "a right zlib stream of a right body is accepted",
                text_of(whole, true));
    }
    {
        const Allocations allocations;
        (void)inflate(stream, chunking, false, budget);
        constexpr std::size_t buffer_and_state = 40 * 1024;
        require_below(allocations,
                      8 * limits.max_words + ZSTD_estimateDStreamSize(ZSTD_BLOCKSIZE_MAX) + buffer_and_state,
                      "a stream takes bounded memory");
    }
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    using namespace einfer::fuzz;
    std::minstd_rand random(seed);
    const auto choice = random() % 8;
    const bool raw = size > prefix && (data[0] & 3) == 0;
    if (choice < 2 && !raw && size > prefix) {
        std::vector<std::uint8_t> object(16);
        object.insert(object.end(), data + prefix, data + size);
        if (mutate_field(object, random, degree, {11, 12, 13, 14}, 1024.0)) {
            std::copy(object.begin() + 16, object.end(), data + prefix);
            return size;
        }
    }
    if (choice == 2 && !raw && size > prefix) {  // the stream itself, to be mutated in its compressed bytes
        const auto stream = stream_from({data + prefix, size - prefix}, data[0], data[2]);
        if (prefix + stream.bytes.size() <= max_size) {
            std::copy(stream.bytes.begin(), stream.bytes.end(), data + prefix);
            data[0] &= static_cast<std::uint8_t>(~3u);
            return prefix + stream.bytes.size();
        }
    }
    return LLVMFuzzerMutate(data, size, max_size);
}
