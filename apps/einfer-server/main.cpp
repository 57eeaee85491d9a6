// einfer-server: reads its options, wires the layers together, waits for a signal.
#include "options.h"

#include "einfer_version.h"
#include "server/http/server.h"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace {

using einfer::server::Catalog;
using einfer::server::InferenceService;
using einfer::server::log_event;
using einfer::server::LogLevel;
using einfer::server::http::HttpServer;

int fail(const std::string& reason) {
    std::cerr << "einfer-server: " << reason << '\n';
    return EXIT_FAILURE;
}

std::string_view name(einfer::jobs::Event event) {
    using einfer::jobs::Event;
    switch (event) {
        case Event::Accepted: return "job_accepted";
        case Event::Recovered: return "job_recovered";
        case Event::Started: return "job_started";
        case Event::Completed: return "job_completed";
        case Event::Failed: return "job_failed";
    }
    return "job";
}

void log_job(einfer::jobs::Event event, const einfer::jobs::Job& job) {
    log_event(LogLevel::Info, name(event),
              {{"job_id", job.submission.id},
               {"tenant", job.submission.tenant},
               {"model", job.submission.model_id + '@' + job.submission.model_version},
               {"batch_size", job.submission.batch_size},
               {"attempt", job.attempt}});
}

/// Blocks the signals that stop the server in every thread made from here on.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

int wait_for(const sigset_t& signals) {
    int signal = 0;
    sigwait(&signals, &signal);
    return signal;
}

int serve(einfer::server_app::Options options) {
    const sigset_t signals = block_signals();
    auto catalog = Catalog::load(options.models);
    if (!catalog) return fail("models directory " + options.models.string() + ": " + catalog.error().to_string());
    if (options.check) {
        std::cout << (*catalog)->models().size() << " models are good\n";
        return EXIT_SUCCESS;
    }

    options.service.jobs.observe = log_job;
    auto service = InferenceService::create(*std::move(catalog), options.service, einfer::system_now);
    if (!service) return fail("data directory " + options.service.data.string() + ": " + service.error().message);
    HttpServer http(**service, options.http);
    const auto url = http.start();
    if (!url) return fail(url.error().message + " (choose another --listen; port 0 takes a free one)");
    // Programs that start the server read this line.
    std::cout << "einfer-server listening on " << *url << std::endl;
    log_event(LogLevel::Info, "listening",
              {{"url", *url}, {"version", EINFER_VERSION}, {"models", (*service)->catalog().models().size()}});

    // Contexts take a moment: /health and /models answer meanwhile, /infer says CRYPTO_CONTEXT_UNAVAILABLE.
    std::thread preparation([&] {
        if (const auto prepared = (*service)->prepare(); !prepared) {
            log_event(LogLevel::Error, "prepare_failed", {{"reason", prepared.error().message}});
            std::raise(SIGTERM);
            return;
        }
        log_event(LogLevel::Info, "ready");
    });

    const int signal = wait_for(signals);
    log_event(LogLevel::Info, "stopping", {{"signal", std::string_view(signal == SIGINT ? "SIGINT" : "SIGTERM")}});
    std::thread impatience([&] {
        wait_for(signals);
        std::_Exit(128 + signal);  // a second signal: at once; accepted jobs are on disk
    });
    impatience.detach();
    preparation.join();
    http.stop();
    (*service)->stop();
    log_event(LogLevel::Info, "stopped", {{"unfinished_jobs", (*service)->load().unfinished_jobs}});
    return (*service)->catalog().ready() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) try {
    auto parsed = einfer::server_app::parse_options(argc, argv);
    if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
    auto& options = std::get<einfer::server_app::Options>(parsed);
    einfer::server::configure_log(options.log_level, options.log_format);
    return serve(std::move(options));
} catch (const std::exception& fault) {
    return fail(fault.what());
}
