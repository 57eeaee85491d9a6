// einfer-server: reads its options, wires the layers together, waits for a signal.
#include "options.h"

#include "einfer_version.h"
#include "server/http/server.h"
#include "server/memory_keeper.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

namespace {

using einfer::server::AuditLog;
using einfer::server::Catalog;
using einfer::server::InferenceService;
using einfer::server::log_event;
using einfer::server::LogLevel;
using einfer::server::http::HttpServer;
using einfer::tenants::Tenants;

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
        case Event::Erased: return "job_erased";
    }
    return "job";
}

void log_job(AuditLog& audit, einfer::jobs::Event event, const einfer::jobs::Job& job) {
    const boost::json::object fields{{"job_id", job.submission.id},
                                     {"tenant", job.submission.tenant},
                                     {"model", job.submission.model_id + '@' + job.submission.model_version},
                                     {"batch_size", job.submission.batch_size},
                                     {"attempt", job.attempt}};
    boost::json::object line = fields;
    const auto add = [&line](const char* what, const einfer::jobs::Durations::Spent& spent) {
        if (spent) line.emplace(what, einfer::server::microseconds(*spent));
    };
    add("store_us", job.durations.store);
    add("queue_us", job.durations.queue);
    add("evaluate_us", job.durations.evaluate);
    add("serialise_us", job.durations.serialise);
    add("total_us", job.durations.total);
    log_event(LogLevel::Info, name(event), line);
    audit.record(name(event), fields);
}

int print_new_api_key() {
    const auto made = einfer::tenants::make_key();
    std::cout << "key: " << made.key << "\nentry: \"" << made.hash << "\"\n";
    return EXIT_SUCCESS;
}

/// Ciphertexts give nothing away, but who writes there can make jobs disappear.
void warn_of_open_directory(const std::filesystem::path& directory) {
    using std::filesystem::perms;
    std::error_code ec;
    const perms open = perms::group_all | perms::others_all;
    if ((std::filesystem::status(directory, ec).permissions() & open) != perms::none && !ec)
        log_event(LogLevel::Warning, "data_directory_open",
                  {{"reason", "others than its owner have rights to the data directory: chmod 700"}});
}

/// As many descriptors as the system lets it have; connections that would use up the last ones are refused instead.
void limit_connections(std::size_t& max_connections) {
    constexpr rlim_t kept = 64;  // the database, the logs, the listening socket
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return;
    // A ninth more are held for a moment, to be told that they are too many.
    const std::size_t room = files.rlim_cur > 2 * kept ? (files.rlim_cur - kept) * 8 / 9 : kept;
    if (room >= max_connections) return;
    log_event(LogLevel::Warning, "connections_limited", {{"max_connections", room}, {"open_files", files.rlim_cur}});
    max_connections = room;
}

/// Sent by the process to itself; no other one waits for it.
constexpr int preparation_failed = SIGUSR1;

/// Blocks the signals that the server waits for in every thread made from here on.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, preparation_failed);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a limit on files' sizes is like a full disk
    return signals;
}

/// A signal that stops the server; SIGHUP calls `reload`, and `look_after` is called every few seconds.
template <class Reload, class LookAfter>
int wait_for_stop(const sigset_t& signals, Reload reload, LookAfter look_after) {
    constexpr timespec pause{5, 0};
    while (true) {
        const int signal = sigtimedwait(&signals, nullptr, &pause);
        if (signal > 0 && signal != SIGHUP) return signal;
        try {
            if (signal == SIGHUP) reload();
            look_after();
        } catch (const std::bad_alloc&) {  // next time
        }
    }
}

/// What the operator may change while the server runs. What is bad is reported, and the old one stays.
void reload(Tenants& tenants, HttpServer& http, AuditLog& audit) {
    boost::json::object line;
    bool good = true;
    const auto attempt = [&](const char* what, auto load) {
        std::string outcome = "good";
        try {
            if (const auto loaded = load(); !loaded) outcome = loaded.error().message;
        } catch (const std::exception& fault) {
            outcome = fault.what();
        }
        good &= outcome == "good";
        line.emplace(what, outcome);
    };
    attempt("api_keys", [&] {
        const auto keys = tenants.reload();
        if (keys) line.emplace("keys", *keys);
        return keys;
    });
    attempt("certificate", [&] { return http.reload_certificate(); });
    attempt("audit_log", [&] { return audit.reopen(); });
    log_event(good ? LogLevel::Info : LogLevel::Error, good ? "reloaded" : "reload_failed", line);
    audit.record(good ? "reloaded" : "reload_failed", line);
}

/// A descriptor that is closed would be the next file that is opened, and the log would be written into it.
void open_standard_descriptors() {
    int opened = 0;
    while (opened >= 0 && opened <= STDERR_FILENO) opened = ::open("/dev/null", O_RDWR);
    if (opened > STDERR_FILENO) ::close(opened);
}

einfer::Result<void> prepare(InferenceService& service) try {
    return service.prepare();
} catch (const std::exception& fault) {
    return einfer::Error{einfer::ErrorCode::Internal, fault.what()};
}

std::string_view reason(int signal) {
    switch (signal) {
        case SIGINT: return "SIGINT";
        case SIGTERM: return "SIGTERM";
        default: return "cannot serve";
    }
}

int serve(einfer::server_app::Options options, const sigset_t& signals) {
    if (options.new_api_key) return print_new_api_key();
    auto catalog = Catalog::load(options.models);
    if (!catalog) return fail("models directory " + options.models.string() + ": " + catalog.error().to_string());
    if (options.check) {
        std::cout << (*catalog)->models().size() << " models are good\n";
        return EXIT_SUCCESS;
    }

    auto tenants = Tenants::create(options.tenants);
    if (!tenants) return fail("API keys " + options.tenants.key_file.string() + ": " + tenants.error().message);
    auto audit = AuditLog::open(options.audit_log);
    if (!audit) return fail("audit log " + audit.error().message);
    limit_connections(options.http.max_connections);
    options.service.jobs.observe = [&audit = **audit](auto event, const auto& job) { log_job(audit, event, job); };
    auto service = InferenceService::create(*std::move(catalog), options.service, einfer::system_now);
    if (!service) return fail(service.error().message);
    warn_of_open_directory(options.service.data);
    HttpServer http(**service, **tenants, **audit, options.http);
    const auto url = http.start();
    if (!url) return fail(url.error().message);
    // Programs that start the server read this line.
    std::cout << "einfer-server listening on " << *url << std::endl;
    const auto& models = (*service)->catalog().models();
    const auto seen_by_1_0 =
        std::ranges::count_if(models, [](const auto& each) { return each->view.v1_0.has_value(); });
    log_event(LogLevel::Info, "listening",
              {{"url", *url}, {"version", EINFER_VERSION}, {"models", models.size()}, {"models_of_v1_0", seen_by_1_0}});
    (*audit)->record("started", {{"version", EINFER_VERSION}, {"authenticates", (*tenants)->authenticates()}});

    // Contexts take a moment: /health and /models answer meanwhile, /infer says CRYPTO_CONTEXT_UNAVAILABLE.
    einfer::Result<void> prepared;
    std::jthread preparation([&] {
        prepared = prepare(**service);
        if (prepared)
            log_event(LogLevel::Info, "ready", {{"kernels", (*service)->kernels()}});
        else
            ::kill(::getpid(), preparation_failed);  // raise() would send it to this thread, which blocks it
    });

    einfer::server::MemoryKeeper keeper;
    const int signal = wait_for_stop(
        signals, [&] { reload(**tenants, http, **audit); },
        [&] {
            keeper.look_after(**service, http.endings());
            (*service)->report_store();
            (*service)->evaluation_keys().look_after();
        });
    log_event(LogLevel::Info, "stopping", {{"reason", reason(signal)}});
    std::thread impatience([stops = sigset_t(signals)]() mutable {
        sigdelset(&stops, preparation_failed);
        const int second = wait_for_stop(
            stops, [] {}, [] {});
        std::_Exit(128 + second);  // at once; accepted jobs are on disk
    });
    impatience.detach();
    preparation.join();
    http.stop();
    (*service)->stop();
    (*audit)->record("stopped", {});
    log_event(LogLevel::Info, "stopped", {{"unfinished_jobs", (*service)->load().unfinished_jobs}});
    return prepared ? EXIT_SUCCESS : fail("cannot serve: " + prepared.error().message);
}

}  // namespace

int main(int argc, char** argv) try {
    const sigset_t signals = block_signals();  // first of all: a reload may be asked for at any time
    open_standard_descriptors();
    auto parsed = einfer::server_app::parse_options(argc, argv);
    if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
    auto& options = std::get<einfer::server_app::Options>(parsed);
    einfer::server::configure_log(options.log_level, options.log_format);
    return serve(std::move(options), signals);
} catch (const std::exception& fault) {
    return fail(fault.what());
}
