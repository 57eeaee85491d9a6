// einfer-server: reads its options, wires the layers together, waits for a signal.
#include "options.h"

#include "einfer_version.h"
#include "server/http/server.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
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
    }
    return "job";
}

void log_job(AuditLog& audit, einfer::jobs::Event event, const einfer::jobs::Job& job) {
    const boost::json::object fields{{"job_id", job.submission.id},
                                     {"tenant", job.submission.tenant},
                                     {"model", job.submission.model_id + '@' + job.submission.model_version},
                                     {"batch_size", job.submission.batch_size},
                                     {"attempt", job.attempt}};
    log_event(LogLevel::Info, name(event), fields);
    audit.record(name(event), fields);
}

int print_new_api_key() {
    const auto made = einfer::tenants::make_key();
    std::cout << "key: " << made.key << "\nentry: \"" << made.hash << "\"\n";
    return EXIT_SUCCESS;
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

/// Blocks the signals that the server waits for in every thread made from here on.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

/// A signal that stops the server; SIGHUP calls `reload`, and `look_after` is called every few seconds.
template <class Reload, class LookAfter>
int wait_for_stop(const sigset_t& signals, Reload reload, LookAfter look_after) {
    constexpr timespec pause{5, 0};
    while (true) {
        const int signal = sigtimedwait(&signals, nullptr, &pause);
        if (signal == SIGTERM || signal == SIGINT) return signal;
        if (signal == SIGHUP) reload();
        look_after();
    }
}

/// Gives the memory of a crowd that is gone back to the system; the allocator would keep it.
class MemoryKeeper {
public:
    void look_after(const InferenceService& service) {
        const bool busy = service.memory_in_use() > 0 || service.load().unfinished_jobs > 0;
        if (busy || service.uploads() == trimmed_at_) return;
        trimmed_at_ = service.uploads();
        malloc_trim(0);
    }

private:
    std::uint64_t trimmed_at_ = 0;
};

/// What the operator may change while the server runs. What is bad is reported, and the old one stays.
void reload(Tenants& tenants, HttpServer& http, AuditLog& audit) {
    boost::json::object line;
    const auto report = [&](const char* what, const auto& result) {
        line.emplace(what, result ? std::string("good") : result.error().message);
        return static_cast<bool>(result);
    };
    const auto keys = tenants.reload();
    bool good = report("api_keys", keys);
    good &= report("certificate", http.reload_certificate());
    good &= report("audit_log", audit.reopen());
    line.emplace("keys", keys ? *keys : 0);
    log_event(good ? LogLevel::Info : LogLevel::Error, good ? "reloaded" : "reload_failed", line);
    audit.record(good ? "reloaded" : "reload_failed", line);
}

/// A descriptor that is closed would be the next file that is opened, and the log would be written into it.
void open_standard_descriptors() {
    int opened = 0;
    while (opened >= 0 && opened <= STDERR_FILENO) opened = ::open("/dev/null", O_RDWR);
    if (opened > STDERR_FILENO) ::close(opened);
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
    if (!service) return fail("data directory " + options.service.data.string() + ": " + service.error().message);
    HttpServer http(**service, **tenants, **audit, options.http);
    const auto url = http.start();
    if (!url) return fail(url.error().message);
    // Programs that start the server read this line.
    std::cout << "einfer-server listening on " << *url << std::endl;
    log_event(LogLevel::Info, "listening",
              {{"url", *url}, {"version", EINFER_VERSION}, {"models", (*service)->catalog().models().size()}});
    (*audit)->record("started", {{"version", EINFER_VERSION}, {"authenticates", (*tenants)->authenticates()}});

    // Contexts take a moment: /health and /models answer meanwhile, /infer says CRYPTO_CONTEXT_UNAVAILABLE.
    std::thread preparation([&] {
        if (const auto prepared = (*service)->prepare(); !prepared) {
            log_event(LogLevel::Error, "prepare_failed", {{"reason", prepared.error().message}});
            std::raise(SIGTERM);
            return;
        }
        log_event(LogLevel::Info, "ready");
    });

    MemoryKeeper keeper;
    const int signal = wait_for_stop(
        signals, [&] { reload(**tenants, http, **audit); }, [&] { keeper.look_after(**service); });
    log_event(LogLevel::Info, "stopping", {{"signal", std::string_view(signal == SIGINT ? "SIGINT" : "SIGTERM")}});
    std::thread impatience([&] {
        wait_for_stop(
            signals, [] {}, [] {});
        std::_Exit(128 + signal);  // a second signal: at once; accepted jobs are on disk
    });
    impatience.detach();
    preparation.join();
    http.stop();
    (*service)->stop();
    (*audit)->record("stopped", {});
    log_event(LogLevel::Info, "stopped", {{"unfinished_jobs", (*service)->load().unfinished_jobs}});
    return (*service)->catalog().ready() ? EXIT_SUCCESS : EXIT_FAILURE;
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
