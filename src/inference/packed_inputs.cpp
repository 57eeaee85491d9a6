#include "inference/packed_inputs.h"

#include "he/helpers.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <optional>

namespace einfer::inference {
namespace {

// Layout, little-endian: the head · per input: u8 generator (0: full) · 7 zero bytes · the kept residues of the first
// polynomial · then those of the second, or 64 bytes of seed.
constexpr std::uint32_t layout_version = 1;

/// What the inputs were checked against. A model that has changed under the same name must not be fed with them.
struct Head {
    std::uint32_t version = layout_version;
    std::uint32_t inputs = 0;
    std::uint64_t kept_primes = 0;
    double scale = 0;
    wire::ParmsId parms_id{};  ///< of the first data level
};
static_assert(sizeof(Head) == 56);

constexpr std::size_t input_head_bytes = 8;

std::size_t polynomial_bytes(std::size_t kept_primes, std::size_t degree) { return 8 * kept_primes * degree; }

/// Appends rather than fills in: memory is then written once, not cleared first.
void append(std::vector<std::uint8_t>& bytes, const void* data, std::size_t size) {
    const auto* const from = static_cast<const std::uint8_t*>(data);
    bytes.insert(bytes.end(), from, from + size);
}

Error corrupt() { return {ErrorCode::Internal, "the stored inputs do not fit the model"}; }

/// Hands out exactly what is there, or nothing.
class Cursor {
public:
    explicit Cursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    const std::uint8_t* take(std::size_t size) {
        if (size > bytes_.size()) return nullptr;
        const std::uint8_t* const taken = bytes_.data();
        bytes_ = bytes_.subspan(size);
        return taken;
    }
    bool read(void* to, std::size_t size) {
        const std::uint8_t* const from = take(size);
        if (from != nullptr) std::memcpy(to, from, size);
        return from != nullptr;
    }
    [[nodiscard]] std::size_t left() const { return bytes_.size(); }

private:
    std::span<const std::uint8_t> bytes_;
};

/// An input's residues where they are, or its seed.
struct Packed {
    const std::uint8_t* words = nullptr;
    std::optional<wire::Seed> seed;
};

std::optional<Packed> read_input(Cursor& cursor, std::size_t polynomial) {
    const std::uint8_t* const head = cursor.take(input_head_bytes);
    if (head == nullptr || std::any_of(head + 1, head + input_head_bytes, [](std::uint8_t byte) { return byte != 0; }))
        return std::nullopt;
    Packed input;
    input.words = cursor.take(polynomial);
    if (input.words == nullptr) return std::nullopt;
    if (head[0] == 0) {
        if (cursor.take(polynomial) == nullptr) return std::nullopt;
        return input;
    }
    input.seed.emplace();
    input.seed->generator = head[0];
    if (!cursor.read(input.seed->bytes.data(), input.seed->bytes.size())) return std::nullopt;
    return input;
}

}  // namespace

std::size_t packed_size(std::span<const wire::Ciphertext> inputs, std::size_t kept_primes) {
    std::size_t size = sizeof(Head);
    for (const wire::Ciphertext& input : inputs) {
        const std::size_t polynomial = polynomial_bytes(kept_primes, input.poly_modulus_degree);
        size += input_head_bytes + polynomial + (input.seed ? input.seed->bytes.size() : polynomial);
    }
    return size;
}

std::vector<std::uint8_t> pack_inputs(std::span<const wire::Ciphertext> inputs, std::size_t kept_primes) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(packed_size(inputs, kept_primes));
    Head head{.inputs = static_cast<std::uint32_t>(inputs.size()), .kept_primes = kept_primes};
    if (!inputs.empty()) {
        head.scale = inputs.front().scale;
        head.parms_id = inputs.front().parms_id;
    }
    append(bytes, &head, sizeof head);
    for (const wire::Ciphertext& input : inputs) {
        const std::uint8_t input_head[input_head_bytes] = {input.seed ? input.seed->generator : std::uint8_t{0}};
        append(bytes, input_head, sizeof input_head);
        const std::size_t polynomial = polynomial_bytes(kept_primes, input.poly_modulus_degree);
        const std::uint64_t* words = input.words.data();
        append(bytes, words, polynomial);
        if (input.seed)
            append(bytes, input.seed->bytes.data(), input.seed->bytes.size());
        else
            append(bytes, words + input.stored_primes * input.poly_modulus_degree, polynomial);
    }
    return bytes;
}

Result<UnpackedInputs> unpack_inputs(std::span<const std::uint8_t> bytes, const he::Context& context,
                                     std::size_t kept_primes, double scale) {
    Cursor cursor(bytes);
    Head head;
    if (!cursor.read(&head, sizeof head) || head.version != layout_version || head.kept_primes != kept_primes ||
        head.scale != scale || head.parms_id != context.parms_id(context.data_prime_count()))
        return corrupt();
    const std::size_t polynomial_words = kept_primes * context.poly_modulus_degree();
    const std::size_t polynomial = polynomial_bytes(kept_primes, context.poly_modulus_degree());
    if (head.inputs > cursor.left() / (input_head_bytes + polynomial)) return corrupt();

    std::vector<Packed> inputs;
    for (std::uint32_t i = 0; i < head.inputs; ++i) {
        const auto input = read_input(cursor, polynomial);
        if (!input) return corrupt();
        inputs.push_back(*input);
    }
    if (cursor.left() != 0) return corrupt();

    std::vector<std::size_t> seeded;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i].seed) seeded.push_back(i);
    UnpackedInputs unpacked;
    unpacked.expanded.resize(2 * polynomial_words * seeded.size());
    unpacked.views.resize(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        he::CiphertextView& view = unpacked.views[i];
        view.prime_count = kept_primes;
        view.size = 2;
        view.scale = scale;
        view.polynomial_stride = polynomial_words;
        // The head of an input keeps words on their boundary.
        view.words = reinterpret_cast<const std::uint64_t*>(inputs[i].words);
    }
    std::atomic<bool> good = true, out_of_memory = false;
    he::Helpers::share_out(seeded.size(), [&](std::size_t index, std::size_t) {
        const Packed& input = inputs[seeded[index]];
        std::uint64_t* const room = unpacked.expanded.data() + 2 * polynomial_words * index;
        std::memcpy(room, input.words, polynomial);
        unpacked.views[seeded[index]].words = room;
        try {
            if (!context.expand_seed(*input.seed, kept_primes, {room + polynomial_words, polynomial_words}))
                good = false;
        } catch (const std::bad_alloc&) {
            out_of_memory = true;
        }
    });
    if (out_of_memory) throw std::bad_alloc();
    if (!good) return corrupt();
    return unpacked;
}

}  // namespace einfer::inference
