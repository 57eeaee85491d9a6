// einfer: encrypted inference from the command line.
#include "api_key.h"
#include "commands.h"
#include "einfer/error.h"
#include "einfer/version.h"
#include "exit_codes.h"
#include "output.h"
#include "row_reader.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace einfer::cli {
namespace {

constexpr const char* examples_and_codes = R"(
Examples:
  einfer models --server http://127.0.0.1:8000
  einfer infer --model logistic_v1 --input rows.csv --output predictions.csv
  echo '[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]' | einfer infer --model logistic_v1@1.0.0 --input -
  einfer job 5f0c2a9be4d1473f8a6690d3c7b21e84

Rows are encrypted here under a key made for this run; the server computes on them without reading them.
Do not give predictions to whoever may have the ciphertexts, the server included.

Environment, unless the option is given:
  EINFER_SERVER        --server
  EINFER_API_KEY_FILE  --api-key-file
  EINFER_API_KEY       the API key itself, unless a file is named
  EINFER_CA_FILE       --ca-file
  EINFER_CLIENT_CERT   --client-cert
  EINFER_CLIENT_KEY    --client-key

Exit status:
  0    all went well
  1    internal fault
  2    wrong usage, or an input file that is wrong
  3    the server cannot be reached (or not over TLS that can be trusted), or did not answer in time
  4    the server refused the request, the API key included
  5    the reply failed a check: do not trust it
  6    the job failed; for the command job also: it is not final yet
  130  interrupted (SIGINT)
  143  ended by SIGTERM)";

std::chrono::milliseconds seconds_option(double seconds) {
    return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(seconds * 1000));
}

/// Said and empty, it would leave the client more open than was meant.
const CLI::Validator names_a_file([](const std::string& text) { return text.empty() ? "names no file" : ""; }, "");

/// Options that every command has. The values live as long as the App.
struct ConnectionOptions {
    void add_to(CLI::App& command, ClientOptions& client, bool with_tenant) {
        command.add_option("--server", client.server, "the server: http://HOST[:PORT][/PATH] or https://...")
            ->envname("EINFER_SERVER")
            ->capture_default_str();
        command
            .add_option("--api-key-file", api_key_file,
                        "file with the API key; only sent over https, or to this machine")
            ->envname("EINFER_API_KEY_FILE")
            ->check(names_a_file);
        command.add_option("--ca-file", client.ca_file, "for https: whom to trust (PEM) instead of the system's CAs")
            ->envname("EINFER_CA_FILE")
            ->check(names_a_file);
        command.add_option("--client-cert", client.client_certificate, "for https: certificate to show (PEM)")
            ->envname("EINFER_CLIENT_CERT")
            ->check(names_a_file);
        command.add_option("--client-key", client.client_key, "its private key (PEM, unencrypted)")
            ->envname("EINFER_CLIENT_KEY")
            ->check(names_a_file);
        command.add_option("--timeout", call_seconds, "longest time for one exchange with the server, in seconds")
            ->check(CLI::Range(1.0, 86400.0))
            ->capture_default_str();
        if (with_tenant) command.add_option("--tenant", client.tenant, "whose jobs these are (X-Tenant-ID)");
    }
    std::string api_key_file;
    double call_seconds = 120;
};

int fail(int code, const std::string& message) {
    std::fprintf(stderr, "einfer: %s\n", message.c_str());
    return code;
}

std::string advice(int http_status) {
    if (http_status == 401) return ". Give an API key that the server knows: --api-key-file, or EINFER_API_KEY";
    if (http_status == 403) return ". Leave --tenant out: the API key says whose jobs these are";
    return "";
}

/// The first of the arguments that no command knows. Never its value: it may be a key that was given the wrong way.
std::string unknown_argument(const CLI::App& app) {
    const std::vector<std::string> rest = app.remaining(true);
    if (rest.empty()) return "";
    if (rest.front().starts_with('-')) return "there is no option " + rest.front().substr(0, rest.front().find('='));
    if (app.get_subcommands().empty())
        return "there is no command '" + rest.front() + "': the commands are models, infer and job";
    return "an argument too many: '" + rest.front() + "'";
}

std::string explain(const Error& error) {
    switch (error.kind()) {
        case ErrorKind::InvalidArgument:
        case ErrorKind::Crypto:
        case ErrorKind::Tls:
        case ErrorKind::BadReply: return error.what();
        case ErrorKind::Connection: return std::string(error.what()) + " (is the server running, and --server right?)";
        case ErrorKind::Timeout: return std::string(error.what()) + " (--timeout and --job-timeout allow more)";
        case ErrorKind::Refused:
            return "the server refused: " + (error.code().empty() ? "" : error.code() + ": ") + error.what() +
                   " (HTTP " + std::to_string(error.http_status()) + ", request id " + error.request_id() + ")" +
                   advice(error.http_status());
        case ErrorKind::JobFailed: return std::string(error.what()) + " (" + error.code() + ")";
    }
    return error.what();
}

int run_app(int argc, char** argv) {
    CLI::App app{"Encrypted inference: predictions from a server that cannot read the rows.", "einfer"};
    app.set_version_flag("--version", std::string("einfer ") + library_version());
    app.footer(examples_and_codes);
    app.require_subcommand(1);
    ConnectionOptions connection;

    ModelsCommand models;
    CLI::App* const models_app = app.add_subcommand("models", "what the server offers");
    connection.add_to(*models_app, models.client, false);
    models_app->add_flag("--json", models.json, "as JSON");

    JobCommand job;
    CLI::App* const job_app = app.add_subcommand("job", "state of a job: exit status 0 if completed, else 6");
    connection.add_to(*job_app, job.client, true);
    job_app->add_option("ID", job.id, "32 hex digits")->required();
    job_app->add_flag("--json", job.json, "as JSON");

    InferCommand infer;
    double job_seconds = 600;
    bool public_key = false, no_progress = false;
    std::string encoding = "hex";
    CLI::App* const infer_app = app.add_subcommand("infer", "predictions for rows of a file");
    connection.add_to(*infer_app, infer.client, true);
    infer_app->add_option("--model", infer.model, "ID or ID@VERSION; without a version the newest")->required();
    infer_app->add_option("--input", infer.input, "file with rows, or - for standard input")->required();
    infer_app->add_option("--output", infer.output, "file for predictions, or - for standard output")
        ->capture_default_str();
    infer_app
        ->add_option("--format", infer.format, "of input and output; by default the file's ending or first character")
        ->check(CLI::IsMember({"csv", "jsonl"}));
    infer_app->add_option("--encoding", encoding, "of ciphertexts; base64 is a third smaller")
        ->check(CLI::IsMember({"hex", "base64"}))
        ->capture_default_str();
    infer_app->add_flag("--public-key", public_key, "encrypt under a public key: twice the bytes");
    infer_app->add_option("--job-timeout", job_seconds, "longest time until a batch is answered, in seconds")
        ->check(CLI::Range(1.0, 604800.0))
        ->capture_default_str();
    infer_app
        ->add_option("--batch-size", infer.client.batch_size, "rows of one request; by default all the model allows")
        ->check(CLI::Range(1, 1 << 30));
    infer_app->add_option("--threads", infer.client.threads, "that encrypt; by default, and at most, the cores")
        ->check(CLI::Range(1, 1 << 20));
    infer_app->add_flag("--no-progress", no_progress, "no progress bar on a terminal");
    infer_app->add_option("--stats", infer.stats, "file for times and byte counts, as JSON");

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked_for_text) {
        return app.exit(asked_for_text);  // --help, --version
    } catch (const CLI::ParseError& error) {
        // What is mistyped comes before what is missing: it may be the same.
        const std::string unknown = unknown_argument(app);
        const bool no_command = argc == 1;
        return fail(exit_usage, (no_command        ? "name a command: models, infer or job"
                                 : unknown.empty() ? error.what()
                                                   : unknown) +
                                    " (einfer --help explains)");
    }

    const std::string api_key = read_api_key(connection.api_key_file);
    for (ClientOptions* const client : {&models.client, &job.client, &infer.client}) {
        client->call_timeout = seconds_option(connection.call_seconds);
        client->api_key = api_key;
    }
    if (*models_app) return run(models);
    if (*job_app) return run(job);
    infer.client.job_timeout = seconds_option(job_seconds);
    if (encoding == "base64") infer.client.encoding = Encoding::Base64;
    if (public_key) infer.client.encryption = Encryption::PublicKey;
    infer.progress = !no_progress;
    return run(infer);
}

}  // namespace
}  // namespace einfer::cli

int main(int argc, char** argv) {
    using einfer::cli::fail;
    einfer::cli::end_cleanly_on_signals();
    try {
        return einfer::cli::run_app(argc, argv);
    } catch (const einfer::Error& error) {
        return fail(einfer::cli::exit_code(error.kind()), einfer::cli::explain(error));
    } catch (const einfer::cli::InputError& error) {
        return fail(einfer::cli::exit_usage, error.what());
    } catch (const std::bad_alloc&) {
        return fail(einfer::cli::exit_internal, "there is not enough memory");
    } catch (const std::exception& error) {
        return fail(einfer::cli::exit_internal, error.what());
    }
}
