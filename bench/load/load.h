// What the load generator is asked to do, and what it saw.
#pragma once

#include "einfer/types.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace einfer::bench {

struct LoadOptions {
    ClientOptions client{};  ///< server, encoding, encryption
    std::string model{};
    std::string version{};     ///< empty: the newest
    std::size_t clients = 1;   ///< at once, each on a thread and a connection of its own
    std::size_t requests = 1;  ///< of each client, measured
    std::size_t warm_up = 1;   ///< of each client, before all clients start together
    std::size_t rows = 1;      ///< of one request
    std::string data{};        ///< CSV with a header: its first rows are sent; empty: made-up rows in [-1, 1]
};

/// One request, in seconds. What a mode does not measure is 0.
struct Sample {
    std::size_t client = 0;
    double start = 0;    ///< since all clients started
    double seconds = 0;  ///< clients: a whole infer(); raw: from the first byte sent until the final job is there

    // Mode `clients`: the library's own Timings.
    double encrypt = 0;
    double round_trip = 0;
    double decrypt = 0;

    // Mode `raw`.
    double after_last_byte = 0;  ///< from the last byte given to the kernel until the reply's first byte
    std::size_t refusals = 0;    ///< 429 and 503 before the request was taken; `seconds` holds the waits for them

    std::uint64_t sent = 0;  ///< HTTP bytes
    std::uint64_t received = 0;
};

struct Load {
    std::vector<Sample> samples{};
    double wall_seconds = 0;        ///< from the common start until the last client ended
    double key_seconds = 0;         ///< mean of the clients, before the start
    double largest_error = 0;       ///< mode `clients`, layout FeatureColumns: against the model in clear
    double error_bound = 0;         ///< that the server states
    std::size_t body_bytes = 0;     ///< mode `raw`: of one request
    std::uint64_t key_bytes = 0;    ///< mode `clients`: HTTP bytes of the first call, with which keys were sent
    std::vector<double> answers{};  ///< mode `clients`: the last ones of the first client
};

/// Whole encrypted round trips, each client with its own keys.
[[nodiscard]] Load run_clients(const LoadOptions& options);

/// One request, encrypted once, posted again and again by all clients; the answers are not decrypted.
[[nodiscard]] Load run_raw(const LoadOptions& options);

/// `count` rows of `dimension` features in [-1, 1], always the same for a `seed`.
[[nodiscard]] std::vector<double> made_up_rows(std::size_t count, std::size_t dimension, std::uint64_t seed);

/// The first `count` rows of `dimension` numbers in a CSV file with a header. std::runtime_error when there are fewer.
[[nodiscard]] std::vector<double> rows_of_file(const std::string& path, std::size_t count, std::size_t dimension);

}  // namespace einfer::bench
