#include "wire/bytes.h"
#include "wire/ciphertext.h"
#include "wire/ciphertext_layout.h"

#include <algorithm>

namespace einfer::wire {

std::vector<std::uint8_t> write_ciphertext(const CiphertextView& view) {
    const std::uint64_t count = view.words.size();
    std::vector<std::uint8_t> bytes;
    bytes.reserve(seal_header_size + layout::words + 8 * count);
    bytes.resize(seal_header_size + layout::words);

    std::uint8_t* at = write_header(bytes.data(), view.seal_minor, bytes.capacity());
    at = store(at, view.parms_id);
    at = store(at, std::uint8_t{1});  // NTT form
    at = store(at, std::uint64_t{view.size});
    at = store(at, std::uint64_t{view.poly_modulus_degree});
    at = store(at, std::uint64_t{view.coeff_modulus_size});
    at = store(at, view.scale);
    at = store(at, std::uint64_t{1});  // correction factor
    at = write_header(at, view.seal_minor, layout::words_object_size(count));
    store(at, count);

    // Appended rather than resized into: a large result is then written once, not cleared first.
    const auto* const words = reinterpret_cast<const std::uint8_t*>(view.words.data());
    bytes.insert(bytes.end(), words, words + 8 * count);
    return bytes;
}

}  // namespace einfer::wire
