#include "client/request_body.h"

#include "base/sha256.h"
#include "client/noise_floor.h"

#include <cmath>
#include <vector>

namespace einfer::client {

Outcome<void> check_rows(Rows rows, const protocol::ModelDescription& model) {
    if (noise_floor(model.encryption.poly_modulus_degree, model.encryption.scale) > 1)
        return invalid_argument("the model " + model.model_id +
                                " has a scale so small that nothing but the noise of encryption would be left");
    // Encoded coefficients stay below |value| * scale, and must stay below half the modulus.
    const double largest = std::ldexp(1.0, protocol::data_modulus_bits(model.encryption) - 1) / model.encryption.scale;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto wrong = [i](const std::string& what) {
            Failure failure = invalid_argument("row " + std::to_string(i) + ' ' + what);
            failure.row = i;
            return failure;
        };
        if (rows[i].size() != model.input_dimension)
            return wrong("has " + std::to_string(rows[i].size()) + " features; the model " + model.model_id +
                         " takes " + std::to_string(model.input_dimension));
        for (std::size_t j = 0; j < rows[i].size(); ++j) {
            const double value = rows[i][j];
            if (!std::isfinite(value)) return wrong("has a feature that is not finite: feature " + std::to_string(j));
            if (std::abs(value) > largest)
                return wrong("has a feature too large for the model's encryption parameters: feature " +
                             std::to_string(j) + " is above " + to_text(largest));
        }
    }
    return {};
}

Outcome<EncryptedBatch> encrypt_batch(const keys::Session& session, const protocol::ModelDescription& model, Rows rows,
                                      protocol::Encoding encoding) {
    EncryptedBatch batch;
    batch.body = R"({"model_id":")" + model.model_id + R"(","version":")" + model.version + R"(","batch_size":)" +
                 std::to_string(rows.size()) + R"(,"inputs":[)";
    const std::string before = R"({"encoding":")" + std::string(protocol::name(encoding)) + R"(","payload":")";
    constexpr std::string_view after = "\"}";

    Sha256 digest;
    std::vector<double> column(rows.size());
    for (std::size_t feature = 0; feature < model.input_dimension; ++feature) {
        for (std::size_t i = 0; i < rows.size(); ++i) column[i] = rows[i][feature];
        const auto bytes = session.encrypt(column, model.encryption.scale);
        if (!bytes) return Failure{ErrorKind::Crypto, bytes.error().message};
        digest.update(*bytes);

        if (feature == 0) {  // all have one length: the body is taken in one piece
            const std::size_t input =
                before.size() + protocol::encoded_size(encoding, bytes->size()) + after.size() + 1;
            const std::size_t whole = batch.body.size() + model.input_dimension * input + 2;
            if (whole > max_request_bytes)
                return invalid_argument("one request for the model " + model.model_id + " would have " +
                                        std::to_string(whole >> 20) + " MiB; this client sends at most " +
                                        std::to_string(max_request_bytes >> 20));
            batch.body.reserve(whole);
        } else {
            batch.body += ',';
        }
        batch.body += before;
        protocol::append_encoded(batch.body, encoding, *bytes);
        batch.body += after;
    }
    batch.body += "]}";
    batch.digest = digest.hex_digest();
    return batch;
}

}  // namespace einfer::client
