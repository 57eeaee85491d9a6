// POST /infer bodies around real ciphertexts, wrong wherever a test wants.
#pragma once

#include "protocol/payload.h"
#include "server/catalog.h"
#include "support/encryption.h"
#include "support/models.h"
#include "support/seal_bytes.h"

#include <memory>
#include <string>
#include <vector>

namespace einfer::test {

/// N = 8192, one feature: larger ciphertexts than small_entry's.
[[nodiscard]] inline std::string large_entry() {
    std::string entry = with(small_entry, "/model_id", "\"large_v1\"");
    entry = with(entry, "/encryption_parameters",
                 R"({"poly_modulus_degree": 8192, "scale": 1099511627776, "coeff_modulus_bits": [60, 40, 60],
                     "max_multiplicative_depth": 1})");
    entry = with(entry, "/inference/input_dimension", "1");
    entry = with(entry, "/parameters/weights", "[1.5]");
    return with(entry, "/input_bounds", "[4]");
}

/// Like small_entry, but with a quadratic activation: results of size 3.
[[nodiscard]] inline std::string quadratic_entry() {
    std::string entry = with(small_entry, "/model_id", "\"quadratic_v1\"");
    entry = with(entry, "/encryption_parameters/scale", "1048576");
    entry = with(entry, "/activation_parameters/coefficients", "[0.5, 0.25, 0.125]");
    return with(entry, "/tolerance", "0.5");
}

/// A catalog of these entries, ready.
[[nodiscard]] inline std::unique_ptr<server::Catalog> make_catalog(const std::vector<std::string>& entries,
                                                                   bool ready = true) {
    const TemporaryDirectory directory;
    for (std::size_t i = 0; i < entries.size(); ++i)
        write_file(directory.path() / (std::to_string(i) + ".json"), entries[i]);
    auto catalog = server::Catalog::load(directory.path()).value();
    if (ready) {
        EXPECT_TRUE(catalog->make_contexts(he::EvaluatorKind::Native));
    }
    return catalog;
}

struct Input {
    std::string encoding = "hex";
    std::string payload;
};

[[nodiscard]] inline Input input_of(const Bytes& bytes, protocol::Encoding encoding = protocol::Encoding::Hex) {
    Input input{std::string(protocol::name(encoding)), ""};
    protocol::append_encoded(input.payload, encoding, bytes);
    return input;
}

struct RequestBody {
    std::string model_id = "small_v1";
    std::string version = "1.0.0";
    std::string members;  ///< more of them, each with its comma: R"("batch_size":2,)"
    std::vector<Input> inputs;
    std::string tail;  ///< behind the document

    [[nodiscard]] std::string text() const {
        std::string body =
            R"({"model_id":")" + model_id + R"(","version":")" + version + "\"," + members + R"("inputs":[)";
        for (const Input& input : inputs) {
            if (&input != inputs.data()) body += ',';
            body += R"({"encoding":")" + input.encoding + R"(","payload":")" + input.payload + "\"}";
        }
        return body + "]}" + tail;
    }
};

/// The same in the binary form.
struct BinaryBody {
    std::string header;
    std::string raw;

    /// Around `ciphertexts`; `members` as in RequestBody.
    explicit BinaryBody(const std::vector<Bytes>& ciphertexts, const std::string& members = "",
                        const std::string& model_id = "small_v1") {
        header = R"({"model_id":")" + model_id + R"(","version":"1.0.0",)" + members + R"("inputs":[)";
        for (const Bytes& bytes : ciphertexts) {
            if (!raw.empty()) header += ',';
            header += R"({"binary_data_size":)" + std::to_string(bytes.size()) + '}';
            raw.append(bytes.begin(), bytes.end());
        }
        header += "]}";
    }
    [[nodiscard]] std::string text() const { return header + raw; }
};

/// Sets the minor version in every header of an uncompressed ciphertext.
inline void set_minor(Bytes& bytes, std::uint8_t minor) {
    bytes[at::minor] = minor;
    bytes[at::words_header + at::minor] = minor;
    const std::size_t after_words = at::words + 8 * peek<std::uint64_t>(bytes, at::word_count);
    if (bytes.size() > after_words) bytes[after_words + at::minor] = minor;
}

}  // namespace einfer::test
