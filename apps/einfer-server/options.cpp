#include "options.h"

#include "einfer_version.h"
#include "server/http/cors.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <thread>

namespace einfer::server_app {
namespace {

using std::chrono::milliseconds;

/// "127.0.0.1:8000", "[::1]:0".
std::optional<std::pair<std::string, std::uint16_t>> parse_listen(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    std::uint16_t number = 0;
    const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (host.empty() || port.empty() || fault != std::errc() || end != port.data() + port.size()) return std::nullopt;
    return std::pair(std::string(host), number);
}

/// "--max-wait" is EINFER_MAX_WAIT.
std::string environment_name(std::string name) {
    std::string variable = "EINFER_";
    for (const char c : name.substr(2))
        variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return variable;
}

/// A range whose bounds stand in its error message and not in every line of the help.
template <class Number>
CLI::Validator range(Number low, Number high) {
    return CLI::Range(low, high).description("");
}

/// What CLI::Range lets pass: a number that is none.
std::string refuse_nan(std::string& text) {
    return std::isnan(std::strtod(text.c_str(), nullptr)) ? "Value " + text + " is not a number" : std::string();
}

/// CLI::AsSizeValue would make a huge size of a negative one.
std::string refuse_negative(std::string& text) {
    return text.starts_with('-') ? "Value " + text + " is negative" : std::string();
}

std::string refuse_bad_origin(std::string& text) {
    return server::http::is_origin(text) ? std::string()
                                         : "'" + text + "' is no origin, such as https://app.example.org";
}

/// A duration option in seconds, fractions allowed.
CLI::Option* add_seconds(CLI::App& app, const std::string& name, milliseconds& value, const std::string& text) {
    return app
        .add_option_function<double>(
            name, [&value](double seconds) { value = milliseconds(std::llround(seconds * 1000)); }, text)
        ->check(range(0.001, 1e9))
        ->check(CLI::Validator(refuse_nan, ""))
        ->type_name("SECONDS")
        ->default_str(std::to_string(value.count() / 1000));
}

/// Options as `--name TYPE [default]`; the environment variables are explained once, in the footer.
class HelpFormatter final : public CLI::Formatter {
public:
    std::string make_option_opts(const CLI::Option* option) const override {
        std::string text;
        if (!option->get_type_name().empty() && option->get_type_size() != 0) text += ' ' + option->get_type_name();
        if (option->get_required()) text += " (required)";
        if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + ']';
        return text;
    }
};

template <class Bytes>
CLI::Option* add_bytes(CLI::App& app, const std::string& name, Bytes& value, const std::string& text) {
    return app.add_option(name, value, text)
        ->transform(CLI::AsSizeValue(false).description(""))
        ->check(CLI::Validator(refuse_negative, ""))
        ->type_name("BYTES")
        ->capture_default_str();
}

using server::LogFormat;
using server::LogLevel;
const std::map<std::string, LogLevel> levels{{"debug", LogLevel::Debug},
                                             {"info", LogLevel::Info},
                                             {"warning", LogLevel::Warning},
                                             {"error", LogLevel::Error},
                                             {"off", LogLevel::Off}};
const std::map<std::string, LogFormat> formats{{"text", LogFormat::Text}, {"json", LogFormat::Json}};

template <class Value>
std::vector<std::string> names(const std::map<std::string, Value>& table) {
    std::vector<std::string> keys;
    for (const auto& row : table) keys.push_back(row.first);
    return keys;
}

/// Who may ask, how much, and from where.
void add_access_options(CLI::App& app, Options& options) {
    const std::string access = "Access";
    app.add_option("--api-keys", options.tenants.key_file,
                   "File of API keys and their tenants; without it anybody may ask, and X-Tenant-ID names the tenant")
        ->type_name("FILE")
        ->group(access);
    app.add_flag("--new-api-key", options.new_api_key, "Print a fresh API key and its entry for that file, and exit")
        ->configurable(false)
        ->group(access);
    auto* certificate = app.add_option("--tls-cert", options.http.tls.certificate, "Serve TLS with this PEM chain")
                            ->type_name("FILE")
                            ->group(access);
    auto* key = app.add_option("--tls-key", options.http.tls.key, "Its private key, PEM, unencrypted")
                    ->type_name("FILE")
                    ->group(access);
    certificate->needs(key);
    key->needs(certificate);
    app.add_option("--tls-client-ca", options.http.tls.client_ca,
                   "Let only clients in whose certificate one of these signed")
        ->type_name("FILE")
        ->needs(certificate)
        ->group(access);
    app.add_option("--cors-origin", options.http.cors_origins,
                   "Let pages of this origin ask, such as https://app.example.org; may be repeated; \"*\" is any")
        ->type_name("ORIGIN")
        ->check(CLI::Validator(refuse_bad_origin, ""))
        ->group(access);
    app.add_option("--audit-log", options.audit_log, "Append who asked what and when, as JSON lines, to this file")
        ->type_name("FILE")
        ->group(access);

    const std::string tenants =
        "Limits of each tenant, where its entry in the file of API keys says nothing else (0: none)";
    tenants::TenantLimits& limits = options.tenants.limits;
    const auto add = [&](const std::string& name, auto& limit, const std::string& text) {
        app.add_option(name, limit, text)
            ->check(range(0.0, 1e15))
            ->check(CLI::Validator(refuse_nan, ""))
            ->type_name("N")
            ->capture_default_str()
            ->group(tenants);
    };
    add("--tenant-requests-per-second", limits.requests_per_second, "Requests on average; more are 429");
    add("--tenant-burst", limits.burst, "Requests at once after a rest; 0: those of two seconds");
    add("--tenant-rows-per-hour", limits.rows_per_hour,
        "Rows that it may have evaluated (feature_columns: N/2 a request, what its ciphertexts can carry); more are "
        "429");
    add("--tenant-max-queued-jobs", limits.max_queued_jobs, "Accepted jobs that are not final; more are 429");
    add_bytes(app, "--tenant-max-stored-bytes", limits.max_stored_bytes, "Inputs and results on disk; more are 429")
        ->group(tenants);
    limits.max_evaluation_key_bytes = std::uint64_t{4} << 30;
    add_bytes(app, "--tenant-max-evaluation-key-bytes", limits.max_evaluation_key_bytes,
              "Its evaluation keys on disk; more are 429")
        ->group(tenants);
    limits.max_evaluation_keys = 64;
    add("--tenant-max-evaluation-keys", limits.max_evaluation_keys, "Evaluation keys that it may keep; more are 429");
}

/// The command line, and what the environment says of options that are not on it: CLI11's own way of asking the
/// environment lets the config file win. Reversed, as CLI::App::parse() takes it.
std::vector<std::string> arguments(CLI::App& app, int argc, char** argv) {
    std::vector<std::string> all(argv + 1, argv + argc);
    for (CLI::Option* option : app.get_options()) {
        const std::string name = option->get_name();
        if (name == "--help" || name == "--version" || !name.starts_with("--")) continue;
        const bool given = std::any_of(argv + 1, argv + argc, [&](std::string_view argument) {
            return argument == name || argument.starts_with(name + '=');
        });
        if (given) continue;
        const char* const value = std::getenv(environment_name(name).c_str());
        if (value == nullptr) continue;
        if (*value == '\0')
            throw CLI::ValidationError(environment_name(name) + " is empty; unset it or give it a value");
        all.insert(all.begin(), name + '=' + value);
    }
    std::reverse(all.begin(), all.end());
    return all;
}

/// An option that was set and says nothing would leave the server more open than was meant.
void refuse_empty_values(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options())
        for (const std::string& value : option->results())
            if (value.empty())
                throw CLI::ValidationError(option->get_name() + " is empty; leave it out or give it a value");
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
    Options options;
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    options.service.jobs.workers = cores;
    options.http.io_threads = std::min<std::size_t>(cores, 8);

    CLI::App app(
        "einfer-server: computes models on encrypted data and cannot read it.\n"
        "Serves the v1 protocol; GET /openapi.json describes it.",
        "einfer-server");
    app.set_version_flag("--version", "einfer-server " EINFER_VERSION);
    app.set_config("--config", "", "Read options from this file (TOML: a line `max-wait = 30` an option)")
        ->type_name("FILE");
    app.allow_config_extras(CLI::config_extras_mode::error);
    app.footer(
        "Every option can also be set in the environment: --max-wait is EINFER_MAX_WAIT.\n"
        "The command line wins over the environment, and that over the config file.\n"
        "SIGTERM and SIGINT stop gracefully: accepted jobs are kept. SIGHUP reads the API keys and the certificate\n"
        "again, and opens the audit log anew. Exit codes: 0 stopped or checked, 1 cannot start or a fault, 2 bad "
        "usage.");

    std::string listen = "127.0.0.1:8000";
    app.add_option("--listen", listen, "Address and port; port 0 takes a free one")
        ->type_name("HOST:PORT")
        ->capture_default_str();
    app.add_option("--models", options.models, "Directory with the registry's *.json files")
        ->type_name("DIR")
        ->configurable();
    options.service.data = "einfer-data";
    options.service.jobs.max_stored_bytes = std::uint64_t{16} << 30;
    app.add_option("--data", options.service.data, "Directory for accepted jobs; made if absent")
        ->type_name("DIR")
        ->capture_default_str();
    app.add_flag("--check", options.check, "Check the models, say what is wrong, and exit");
    app.add_flag("--enable-plain", options.service.plain,
                 "Offer POST /infer/plain, the baseline in clear (no privacy)");

    std::string evaluator = "native";
    app.add_option("--evaluator", evaluator,
                   "native: our kernels, EINFER_KERNELS forces an instruction set; seal: SEAL's, to compare")
        ->check(CLI::IsMember({"native", "seal"}).description(""))
        ->type_name("NAME")
        ->capture_default_str();

    app.add_flag("--store-first", options.service.store_first,
                 "Put every request on disk before it is evaluated, also when a worker is idle");

    add_access_options(app, options);

    const std::string threads = "Threads";
    app.add_option("--workers", options.service.jobs.workers, "Threads that evaluate")
        ->check(range(1, 1024))
        ->type_name("N")
        ->capture_default_str()
        ->group(threads);
    app.add_option("--io-threads", options.http.io_threads, "Threads that read, check and write")
        ->check(range(1, 256))
        ->type_name("N")
        ->capture_default_str()
        ->group(threads);

    const std::string limits = "Limits";
    app.add_option("--max-queued-jobs", options.service.jobs.max_queued_jobs,
                   "Accepted jobs that are not final; more are 503")
        ->check(range(1, 10'000'000))
        ->type_name("N")
        ->capture_default_str()
        ->group(limits);
    add_bytes(app, "--max-queued-bytes", options.service.jobs.max_queued_bytes, "Their inputs together; more are 503")
        ->group(limits);
    add_bytes(app, "--memory-budget", options.service.memory_budget,
              "Ciphertexts of requests on their way in; more are 503")
        ->group(limits);
    app.add_option("--max-connections", options.http.max_connections, "Connections; more are 503")
        ->check(range(1, 1'000'000))
        ->type_name("N")
        ->capture_default_str()
        ->group(limits);
    add_bytes(app, "--max-header-bytes", options.http.max_header_bytes, "Header section of a request; more is 431")
        ->check(range(256, 1 << 20))
        ->group(limits);
    add_bytes(app, "--max-stored-bytes", options.service.jobs.max_stored_bytes,
              "Inputs and results on disk together; more are 503; 0: what the disk holds")
        ->group(limits);
    options.service.keys.max_bytes = std::uint64_t{16} << 30;
    add_bytes(app, "--max-evaluation-key-bytes", options.service.keys.max_bytes,
              "Evaluation keys on disk together; more are 503; 0: what the disk holds")
        ->group(limits);
    add_bytes(app, "--evaluation-key-cache-bytes", options.service.key_cache_bytes,
              "Evaluation keys in memory; evaluations wait for room")
        ->group(limits);
    app.add_option("--max-attempts", options.service.jobs.max_attempts,
                   "Evaluations of a job that kills the server before it is failed")
        ->check(range(1, 100))
        ->type_name("N")
        ->capture_default_str()
        ->group(limits);

    const std::string times = "Times";
    add_seconds(app, "--header-timeout", options.http.header_timeout, "For a request's headers; longer is 408")
        ->group(times);
    add_seconds(app, "--body-timeout", options.http.body_timeout, "Without progress in a body; longer is 408")
        ->group(times);
    add_seconds(app, "--request-timeout", options.http.request_timeout, "For a whole body; longer is 408")
        ->group(times);
    add_seconds(app, "--write-timeout", options.http.write_timeout,
                "For a reply, and a second more for each 64 KiB of it")
        ->group(times);
    add_seconds(app, "--idle-timeout", options.http.idle_timeout, "Between the requests of a connection")->group(times);
    milliseconds max_wait = options.http.max_wait;
    add_seconds(app, "--max-wait", max_wait, "Cap of Prefer: wait")->group(times);
    add_seconds(app, "--evaluation-key-ttl", options.service.keys.ttl,
                "How long evaluation keys are kept after their last use; then 410")
        ->group(times);
    add_seconds(app, "--result-ttl", options.service.jobs.result_ttl, "How long results are kept; then 410")
        ->group(times);
    add_seconds(app, "--tombstone-ttl", options.service.jobs.tombstone_ttl, "How long 410 is said; then 404")
        ->group(times);
    add_seconds(app, "--shutdown-grace", options.http.shutdown_grace, "For requests being answered when a stop begins")
        ->group(times);

    const std::string logs = "Logs (stderr; never a payload)";
    std::string log_level = "info", log_format = "text";
    app.add_option("--log-level", log_level, "debug, info, warning, error or off")
        ->check(CLI::IsMember(names(levels)).description(""))
        ->type_name("LEVEL")
        ->capture_default_str()
        ->group(logs);
    app.add_option("--log-format", log_format, "text or json")
        ->check(CLI::IsMember(names(formats)).description(""))
        ->type_name("FORMAT")
        ->capture_default_str()
        ->group(logs);

    auto formatter = std::make_shared<HelpFormatter>();
    formatter->column_width(40);
    app.formatter(formatter);

    app.failure_message([](const CLI::App*, const CLI::Error& fault) {
        return std::string("einfer-server: ") + fault.what() + "; --help says more\n";
    });

    try {
        app.parse(arguments(app, argc, argv));
        refuse_empty_values(app);
    } catch (const CLI::ConfigError& fault) {
        std::string what = fault.what();
        constexpr std::string_view unknown = "INI was not able to parse ";
        if (what.starts_with(unknown)) what = "there is no option " + what.substr(unknown.size());
        std::cerr << "einfer-server: the config file: " << what << "; --help lists the options\n";
        return 2;
    } catch (const CLI::ParseError& fault) {
        return app.exit(fault) == 0 ? 0 : 2;
    }
    if (options.models.empty() && !options.new_api_key) {
        std::cerr << "einfer-server: --models is required; --help says more\n";
        return 2;
    }
    options.service.evaluator = evaluator == "seal" ? he::EvaluatorKind::Seal : he::EvaluatorKind::Native;
    options.log_level = levels.at(log_level);
    options.log_format = formats.at(log_format);
    const auto endpoint = parse_listen(listen);
    if (!endpoint) {
        std::cerr << "einfer-server: --listen needs HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000\n";
        return 2;
    }
    std::tie(options.http.address, options.http.port) = *endpoint;
    options.http.max_wait = std::chrono::ceil<std::chrono::seconds>(max_wait);
    return options;
}

}  // namespace einfer::server_app
