// Load for the benchmarks, with little work of its own:
//
//     load_generator clients --server URL --model ID --clients 64 --requests 8 --rows 16
//     load_generator raw     --server URL --model ID --clients 64 --requests 8
//
// `clients` are whole encrypted round trips of the client library. `raw` posts one request, encrypted once, and waits
// for its job. Prints JSON with every sample.
#include "load/load.h"

#include <sys/resource.h>
#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include <cstdio>
#include <exception>
#include <iostream>

namespace {

namespace json = boost::json;
using einfer::bench::Load;
using einfer::bench::LoadOptions;
using einfer::bench::Sample;

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

json::object to_json(const Sample& sample, bool raw) {
    json::object object{{"client", sample.client},
                        {"start", sample.start},
                        {"seconds", sample.seconds},
                        {"sent", sample.sent},
                        {"received", sample.received}};
    if (raw) {
        object["after_last_byte"] = sample.after_last_byte;
        object["refusals"] = sample.refusals;
    } else {
        object["encrypt"] = sample.encrypt;
        object["round_trip"] = sample.round_trip;
        object["decrypt"] = sample.decrypt;
    }
    return object;
}

json::object to_json(const Load& load, const LoadOptions& options, bool raw) {
    json::array samples;
    for (const Sample& sample : load.samples) samples.push_back(to_json(sample, raw));
    return {{"mode", raw ? "raw" : "clients"},
            {"clients", options.clients},
            {"rows", options.rows},
            {"wall_seconds", load.wall_seconds},
            {"key_seconds", load.key_seconds},
            {"largest_error", load.largest_error},
            {"error_bound", load.error_bound},
            {"body_bytes", load.body_bytes},
            {"key_bytes", load.key_bytes},
            {"cpu_seconds", cpu_seconds()},
            {"answers", json::value_from(load.answers)},
            {"samples", std::move(samples)}};
}

}  // namespace

int main(int argc, char** argv) {
    LoadOptions options;
    bool public_key = false, base64 = false;
    CLI::App app("Load for the benchmarks of einfer; prints JSON.", "load_generator");
    app.require_subcommand(1);
    app.fallthrough();
    app.add_subcommand("clients", "whole encrypted round trips, each client with its own keys");
    auto* raw = app.add_subcommand("raw", "one request, encrypted once, posted again and again");
    app.add_option("--server", options.client.server)->required();
    app.add_option("--model", options.model)->required();
    app.add_option("--version", options.version);
    app.add_option("--clients", options.clients)->check(CLI::Range(1, 4096));
    app.add_option("--requests", options.requests, "of each client")->check(CLI::PositiveNumber);
    app.add_option("--warm-up", options.warm_up, "of each client");
    app.add_option("--threads", options.client.threads, "of each client; 0: all cores");
    app.add_option("--rows", options.rows, "of one request")->check(CLI::PositiveNumber);
    app.add_option("--data", options.data, "CSV with a header; its first rows are sent")->check(CLI::ExistingFile);
    app.add_flag("--public-key", public_key);
    app.add_flag("--base64", base64);
    CLI11_PARSE(app, argc, argv);
    if (public_key) options.client.encryption = einfer::Encryption::PublicKey;
    if (base64) options.client.encoding = einfer::Encoding::Base64;
    try {
        const Load load = *raw ? run_raw(options) : run_clients(options);
        std::cout << json::serialize(to_json(load, options, static_cast<bool>(*raw))) << '\n';
        return 0;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "load_generator: %s\n", failure.what());
        return 1;
    }
}
