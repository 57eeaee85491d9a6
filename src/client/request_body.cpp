#include "client/request_body.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "client/noise_floor.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <vector>

namespace einfer::client {
namespace {

/// Where everything is in a body: all inputs have one length.
class Layout {
public:
    Layout(const RequestFrame& frame, std::size_t inputs, std::size_t bytes)
        : binary_(frame.encoding == protocol::Encoding::Binary),
          start_(R"({"model_id":")" + std::string(frame.model_id) + R"(","version":")" + std::string(frame.version) +
                 R"(","batch_size":)" + std::to_string(frame.rows)),
          before_(R"({"encoding":")" + std::string(protocol::name(frame.encoding)) + R"(","payload":")"),
          payload_(protocol::encoded_size(frame.encoding, bytes)),
          inputs_(inputs) {
        if (frame.compact_result) start_ += R"(,"result_format":"compact")";
        if (!frame.evaluation_key_id.empty()) {
            start_ += R"(,"evaluation_key_id":")";
            start_ += frame.evaluation_key_id;
            start_ += '"';
        }
        start_ += R"(,"inputs":[)";
        if (!binary_) return;
        for (std::size_t i = 0; i < inputs; ++i) {
            if (i > 0) start_ += ',';
            start_ += R"({"binary_data_size":)";
            start_ += std::to_string(bytes);
            start_ += '}';
        }
        start_ += "]}";
    }

    [[nodiscard]] std::size_t size() const {
        return start_.size() + (binary_ ? inputs_ * payload_ : inputs_ * input_size() + 1);
    }
    [[nodiscard]] std::size_t header_bytes() const { return binary_ ? start_.size() : 0; }

    /// Writes all but the payloads.
    void write_frame(char* body) const {
        body = put(body, start_);
        if (binary_) return;
        for (std::size_t i = 0; i < inputs_; ++i) {
            if (i > 0) body = put(body, ",");
            body = put(put(body, before_) + payload_, after);
        }
        put(body, "]}");
    }
    /// Of an input's text, in the body.
    [[nodiscard]] std::size_t payload_at(std::size_t input) const {
        return start_.size() + (binary_ ? input * payload_ : input * input_size() + before_.size());
    }

private:
    static constexpr std::string_view after = "\"}";

    static char* put(char* at, std::string_view text) { return std::copy(text.begin(), text.end(), at); }
    /// With its comma; the last has none.
    [[nodiscard]] std::size_t input_size() const { return before_.size() + payload_ + after.size() + 1; }

    bool binary_;
    std::string start_;
    std::string before_;
    std::size_t payload_;
    std::size_t inputs_;
};

Outcome<TextBuffer> make_body(const Layout& layout, std::string_view model_id) {
    if (layout.size() > max_request_bytes)
        return invalid_argument("one request for the model " + std::string(model_id) + " would have " +
                                std::to_string(layout.size() >> 20) + " MiB; this client sends at most " +
                                std::to_string(max_request_bytes >> 20));
    TextBuffer body(layout.size());
    layout.write_frame(body.data());
    return body;
}

void write_encoded(char* text, protocol::Encoding encoding, std::span<const std::uint8_t> bytes) {
    switch (encoding) {
        case protocol::Encoding::Hex: return write_hex(text, bytes);
        case protocol::Encoding::Base64: return write_base64(text, bytes);
        case protocol::Encoding::Binary: std::copy(bytes.begin(), bytes.end(), text); return;
    }
}

/// Lets the features of a batch into the digest in order, and remembers the first that failed.
class InOrder {
public:
    /// Of a feature that has its bytes; waits for those before it.
    void add(std::size_t feature, std::span<const std::uint8_t> bytes) {
        {
            std::unique_lock lock(mutex_);
            turn_.wait(lock, [&] { return next_ == feature || first_failed_ < feature; });
            if (first_failed_ < feature) return;  // there will be no digest
        }
        digest_.update(bytes);
        {
            const std::lock_guard lock(mutex_);
            ++next_;
        }
        turn_.notify_all();
    }

    void fail(std::size_t feature, Failure failure) { fail(feature, std::move(failure), nullptr); }
    void fail(std::size_t feature, std::exception_ptr thrown) { fail(feature, std::nullopt, std::move(thrown)); }
    /// Whether a feature before this one failed, so that it is in vain.
    [[nodiscard]] bool is_in_vain(std::size_t feature) {
        const std::lock_guard lock(mutex_);
        return first_failed_ < feature;
    }

    /// When all are done. Throws what the first that failed has thrown.
    Outcome<std::string> finish() {
        if (thrown_) std::rethrow_exception(thrown_);
        if (failure_) return *std::move(failure_);
        return digest_.hex_digest();
    }

private:
    void fail(std::size_t feature, std::optional<Failure> failure, std::exception_ptr thrown) {
        {
            const std::lock_guard lock(mutex_);
            if (feature > first_failed_) return;
            first_failed_ = feature;
            failure_ = std::move(failure);
            thrown_ = std::move(thrown);
        }
        turn_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable turn_;
    Sha256 digest_;  // of the features below next_; only the one whose turn it is touches it
    std::size_t next_ = 0;
    std::size_t first_failed_ = SIZE_MAX;
    std::optional<Failure> failure_;
    std::exception_ptr thrown_;
};

/// What one worker needs for a feature.
struct Desk {
    std::vector<double> column;
    std::vector<std::uint8_t> bytes;
};

}  // namespace

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
                                      protocol::Encoding encoding, WorkerPool& workers) {
    const std::size_t bytes = session.encrypted_size();
    const Layout layout({model.model_id, model.version, rows.size(), encoding}, model.input_dimension, bytes);
    auto made = make_body(layout, model.model_id);
    if (!made) return made.error();
    TextBuffer body = *std::move(made);

    InOrder order;
    std::vector<Desk> desks(workers.threads());  // any of them may come
    const auto encrypt = [&](std::size_t feature, Desk& desk) -> Outcome<void> {
        desk.column.resize(rows.size());
        desk.bytes.resize(bytes);
        for (std::size_t i = 0; i < rows.size(); ++i) desk.column[i] = rows[i][feature];
        const auto encrypted = session.encrypt(desk.column, model.encryption.scale, desk.bytes);
        if (!encrypted) return Failure{ErrorKind::Crypto, encrypted.error().message};
        write_encoded(body.data() + layout.payload_at(feature), encoding, desk.bytes);
        return {};
    };
    workers.run(model.input_dimension, [&](std::size_t feature, std::size_t worker) {
        if (order.is_in_vain(feature)) return;
        try {
            Desk& desk = desks[worker];
            if (const auto done = encrypt(feature, desk); !done) return order.fail(feature, done.error());
            order.add(feature, desk.bytes);
        } catch (...) {
            order.fail(feature, std::current_exception());
        }
    });
    auto digest = order.finish();
    if (!digest) return digest.error();
    return EncryptedBatch{std::move(body), layout.header_bytes(), *std::move(digest)};
}

Outcome<EncryptedBatch> assemble(const RequestFrame& frame, const Ciphertexts& ciphertexts) {
    const Layout layout(frame, ciphertexts.size(), ciphertexts.front().size());
    auto made = make_body(layout, frame.model_id);
    if (!made) return made.error();
    Sha256 digest;
    for (std::size_t i = 0; i < ciphertexts.size(); ++i) {
        write_encoded(made->data() + layout.payload_at(i), frame.encoding, ciphertexts[i]);
        digest.update(ciphertexts[i]);
    }
    return EncryptedBatch{*std::move(made), layout.header_bytes(), digest.hex_digest()};
}

}  // namespace einfer::client
