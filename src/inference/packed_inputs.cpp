#include "inference/packed_inputs.h"

#include <algorithm>
#include <cstring>
#include <iterator>

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

/// Writes into bytes of the right size.
class Writer {
public:
    explicit Writer(std::uint8_t* to) : to_(to) {}
    void write(const void* data, std::size_t size) {
        std::memcpy(to_, data, size);
        to_ += size;
    }

private:
    std::uint8_t* to_;
};

Error corrupt() { return {ErrorCode::Internal, "the stored inputs do not fit the model"}; }

/// Reads exactly what is there, or fails.
class Cursor {
public:
    explicit Cursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    bool read(void* to, std::size_t size) {
        if (size > bytes_.size()) return false;
        std::memcpy(to, bytes_.data(), size);
        bytes_ = bytes_.subspan(size);
        return true;
    }
    [[nodiscard]] std::size_t left() const { return bytes_.size(); }

private:
    std::span<const std::uint8_t> bytes_;
};

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
    std::vector<std::uint8_t> bytes(packed_size(inputs, kept_primes));
    Writer writer(bytes.data());
    Head head{.inputs = static_cast<std::uint32_t>(inputs.size()), .kept_primes = kept_primes};
    if (!inputs.empty()) {
        head.scale = inputs.front().scale;
        head.parms_id = inputs.front().parms_id;
    }
    writer.write(&head, sizeof head);
    for (const wire::Ciphertext& input : inputs) {
        const std::uint8_t input_head[input_head_bytes] = {input.seed ? input.seed->generator : std::uint8_t{0}};
        writer.write(input_head, sizeof input_head);
        const std::size_t polynomial = polynomial_bytes(kept_primes, input.poly_modulus_degree);
        const std::uint64_t* words = input.words.data();
        writer.write(words, polynomial);
        if (input.seed)
            writer.write(input.seed->bytes.data(), input.seed->bytes.size());
        else
            writer.write(words + input.coeff_modulus_size * input.poly_modulus_degree, polynomial);
    }
    return bytes;
}

Result<std::vector<he::Ciphertext>> unpack_inputs(std::span<const std::uint8_t> bytes, const he::Context& context,
                                                  std::size_t kept_primes, double scale) {
    Cursor cursor(bytes);
    Head head;
    if (!cursor.read(&head, sizeof head) || head.version != layout_version || head.kept_primes != kept_primes ||
        head.scale != scale || head.parms_id != context.parms_id(context.data_prime_count()))
        return corrupt();
    const std::size_t degree = context.poly_modulus_degree();
    const std::size_t polynomial = polynomial_bytes(kept_primes, degree);
    if (head.inputs > cursor.left() / (input_head_bytes + polynomial)) return corrupt();

    std::vector<he::Ciphertext> inputs(head.inputs);
    std::vector<std::uint64_t> expanded;
    for (he::Ciphertext& input : inputs) {
        input.prime_count = kept_primes;
        input.size = 2;
        input.scale = scale;
        input.words.resize(2 * kept_primes * degree);
        std::uint64_t* const second = input.words.data() + kept_primes * degree;
        std::uint8_t input_head[input_head_bytes];
        if (!cursor.read(input_head, sizeof input_head) || !cursor.read(input.words.data(), polynomial))
            return corrupt();
        if (std::any_of(input_head + 1, std::end(input_head), [](std::uint8_t byte) { return byte != 0; }))
            return corrupt();
        if (input_head[0] == 0) {
            if (!cursor.read(second, polynomial)) return corrupt();
            continue;
        }
        wire::Seed seed;
        seed.generator = input_head[0];
        if (!cursor.read(seed.bytes.data(), seed.bytes.size())) return corrupt();
        expanded.resize(context.data_prime_count() * degree);
        if (!context.expand_seed(seed, expanded)) return corrupt();
        std::copy_n(expanded.begin(), kept_primes * degree, second);
    }
    if (cursor.left() != 0) return corrupt();
    return inputs;
}

}  // namespace einfer::inference
