// Values that go into and come out of einfer::Client.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace einfer::inline v1_1 {

/// Why a call failed; einfer::Error carries it.
enum class ErrorKind {
    InvalidArgument,  ///< an argument is wrong: a URL, a row, an unknown model. Nothing was sent for it
    Connection,       ///< the server cannot be reached, or the connection broke
    Timeout,          ///< no answer in time, or the job was not final in time
    Refused,          ///< the server said no: see Error::code(), Error::http_status(), Error::request_id()
    BadReply,         ///< the reply failed a check: do not trust it, nor the server
    Crypto,           ///< making keys, encrypting or decrypting failed on this machine
    JobFailed,        ///< the job was accepted and then failed: see Error::code()
    Tls,              ///< no TLS connection that can be trusted. Nothing was sent; trying again does not help
};

/// Form of ciphertexts in requests and replies.
enum class Encoding {
    Hex,     ///< two characters a byte; every v1 server takes it
    Base64,  ///< a third smaller
    Binary,  ///< as they are: half of hex; servers from v1.1 on
    Auto,    ///< Binary if the server takes it, else Hex
};

enum class Encryption {
    Symmetric,  ///< under the secret key, seeded: half the bytes
    PublicKey,  ///< under a public key made for the session, which never leaves the process
};

struct ClientOptions {
    /// http://HOST[:PORT][/BASE/PATH], or https://. HOST may be a name, an IPv4 address or an IPv6 address in brackets.
    /// No user, query or fragment. With https: TLS 1.2 or 1.3; the server's certificate must be trusted and name HOST.
    std::string server = "http://127.0.0.1:8000";
    /// Sent as X-Tenant-ID: 1 to 128 of A-Z a-z 0-9 . _ - ; empty: the server's default tenant.
    std::string tenant{};
    /// Sent as Authorization: Bearer, at most 1024 visible ASCII characters; empty: none. Only over https or to this
    /// machine ("localhost" or a loopback address): it is never sent in clear over a network.
    std::string api_key{};

    // For https only; PEM.
    /// Certificates to trust instead of the system's (which OpenSSL's SSL_CERT_FILE and SSL_CERT_DIR may move).
    std::string ca_file{};
    /// What this client shows if the server asks: its certificate, then the intermediate ones; and the key,
    /// unencrypted. Both or none.
    std::string client_certificate{};
    std::string client_key{};

    Encoding encoding = Encoding::Auto;
    Encryption encryption = Encryption::Symmetric;
    /// Rows of one request; 0: as many as the model allows. Never more than that.
    std::size_t batch_size = 0;
    /// That encrypt the features of a request side by side, the caller's included; 0: as many as there are cores. Never
    /// more than that, or than the features. They are started when first needed and end with the Client.
    std::size_t threads = 0;

    std::chrono::milliseconds connect_timeout{5'000};
    /// Of one exchange with the server: connecting, sending, and receiving the whole reply. At least 1 s.
    std::chrono::milliseconds call_timeout{120'000};
    /// Of one batch: from its first submission until its result is there, retries and polls included.
    std::chrono::milliseconds job_timeout{600'000};
};

/// How a model's rows lie in ciphertexts.
enum class Layout {
    FeatureColumns,  ///< one ciphertext a feature: the models of v1.0
    Coefficients,    ///< linear models, one small ciphertext
    Slots,           ///< networks; they need evaluation keys
};

/// "feature_columns", "coefficients", "slots".
[[nodiscard]] constexpr const char* name(Layout layout) {
    switch (layout) {
        case Layout::FeatureColumns: return "feature_columns";
        case Layout::Coefficients: return "coefficients";
        case Layout::Slots: return "slots";
    }
    return "";
}

/// One model that the server offers; id and version together name it. Its parameters have 128-bit security (checked).
struct Model {
    std::string id{};
    std::string version{};  ///< MAJOR.MINOR.PATCH
    std::string description{};
    Layout layout = Layout::FeatureColumns;
    std::size_t input_dimension = 0;   ///< features of a row
    std::size_t output_dimension = 1;  ///< numbers of an answer, before postprocessing
    std::size_t max_batch_size = 0;    ///< rows of one request
    /// What the model was made for: one bound a feature, or empty where it is not known. Rows outside are refused, but
    /// for the layout FeatureColumns.
    std::vector<double> lower{}, upper{};
    std::vector<std::string> feature_names{};          ///< one a feature, or empty
    std::vector<std::string> class_names{};            ///< that an answer chooses from, or empty
    std::vector<std::string> postprocessing{};         ///< done here, in this order: "sigmoid", "softmax", "argmax"
    double error_bound = 0;                            ///< of a number, before postprocessing; 0: not known
    std::uint64_t evaluation_key_bytes = 0;            ///< that have to be sent once; 0: none are needed
    std::uint64_t request_bytes = 0, reply_bytes = 0;  ///< about; 0: not known

    /// Layout FeatureColumns: what the server computes for a row x: c0 + c1 z + c2 z², z = weights · x + bias.
    std::vector<double> weights{};  ///< input_dimension of them; empty in other layouts
    double bias = 0;
    std::array<double, 3> coefficients{};  ///< c0, c1, c2

    std::size_t poly_modulus_degree = 0;    ///< N
    std::vector<int> coeff_modulus_bits{};  ///< the last is the key-switching prime
    double scale = 0;                       ///< of every encrypted input
};

/// Seconds, summed over all batches.
struct Timings {
    double keys = 0;        ///< encryption parameters and keys, sending them included; 0 when there was nothing to do
    double encrypt = 0;     ///< encrypting, and writing the request
    double round_trip = 0;  ///< from sending to the checked reply: network, queue and evaluation
    double decrypt = 0;
};

struct Predictions {
    /// Row after row, `outputs` numbers each. What was decrypted is rounded to a multiple of `resolution`, then come
    /// the model's postprocessing steps.
    std::vector<double> values{};
    std::size_t outputs = 1;
    /// One a row: the name of its class, where the model has names and its answer is a choice; otherwise empty.
    std::vector<std::string> labels{};
    /// Largest absolute error of a number, rounding and postprocessing aside, that the server states for inputs inside
    /// the model's bounds; the largest of all batches. Above 0.
    double error_bound = 0;
    /// A power of ten, at most 1: digits below it are noise and were removed.
    double resolution = 0;
    std::size_t batches = 0;
    Timings timings{};
    std::uint64_t bytes_sent = 0;  ///< HTTP bytes of this call, headers included
    std::uint64_t bytes_received = 0;
};

/// Called after each batch with the batches that are answered and the batches there are. Called on the caller's thread.
/// An exception ends infer() and passes through it.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

enum class JobState { Queued, Running, Completed, Failed };

/// "queued", "running", "completed", "failed".
[[nodiscard]] constexpr const char* name(JobState state) {
    switch (state) {
        case JobState::Queued: return "queued";
        case JobState::Running: return "running";
        case JobState::Completed: return "completed";
        case JobState::Failed: return "failed";
    }
    return "";
}

struct JobStatus {
    std::string id{};
    JobState state = JobState::Queued;
    /// RFC 3339, UTC, milliseconds; empty while not known.
    std::string created_at{};
    std::string started_at{};
    std::string finished_at{};
    /// Of a failed job, otherwise empty: one of the protocol's codes, and a text for people.
    std::string error_code{};
    std::string error_message{};
};

}  // namespace einfer::inline v1_1
