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
#include <string_view>
#include <vector>

namespace einfer::cli {
namespace {

constexpr std::string_view command_names = "models, infer, job, plan, import, simulate";

constexpr const char* examples_and_codes = R"(
Examples:
  einfer models --server http://127.0.0.1:8000
  einfer infer --model logistic_v1 --input rows.csv --output predictions.csv
  echo '[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]' | einfer infer --model logistic_v1@1.0.0 --input -
  einfer job 5f0c2a9be4d1473f8a6690d3c7b21e84
  einfer plan model.onnx --calibration rows.csv
  einfer import model.onnx --id my_model --calibration rows.csv -o models
  einfer simulate models/my_model.json --data rows.csv --labels labels.csv --noise

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
  2    wrong usage, an input file that is wrong, or a model that cannot be planned as asked
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

void add_ignore_header(CLI::App& command, bool& ignored) {
    command.add_flag("--ignore-header", ignored,
                     "a CSV header's names say nothing: the columns are the model's features in its order");
}

/// Of the commands that plan a model.
void add_planning_options(CLI::App& command, PlanningOptions& options, bool calibration_required) {
    command
        .add_option(
            "--calibration", options.calibration,
            "file with rows as they will come, some hundred: they give the input ranges and sizes between layers")
        ->required(calibration_required);
    command.add_option("--tolerance", options.tolerance,
                       "what encryption may add to an answer; by default 1e-4 (linear) or 1e-3 of the largest");
    command.add_option("--layout", options.layout, "coefficients (linear models) or slots; by default as the model is")
        ->check(CLI::IsMember({"coefficients", "slots"}));
    command.add_option("--rows", options.rows, "layout slots: rows of one request, a power of two; by default 1");
    command
        .add_option("--degree", options.degree,
                    "of polynomials that stand for ReLU, sigmoid and the like; by default 2")
        ->check(CLI::Range(1, 8));
    command.add_option("--range", options.range, "LO:HI, the range of every feature; by default from the calibration");
    command
        .add_option("--room", options.room,
                    "layout slots: range (no row within the ranges overflows) or calibration (rows like those only: "
                    "cheaper); by default range, where there is such a plan")
        ->check(CLI::IsMember({"range", "calibration"}));
    command
        .add_option("--class-names", options.class_names,
                    "of the outputs, with commas; of a single one: negative,positive")
        ->delimiter(',')
        ->allow_extra_args(false);
    add_ignore_header(command, options.ignore_header);
    command.add_flag("--json", options.json, "the report as JSON");
    command.add_flag_callback(
        "--no-progress", [&options] { options.progress = false; }, "no status line on a terminal");
}

/// The first of the arguments that no command knows. Never its value: it may be a key that was given the wrong way.
std::string unknown_argument(const CLI::App& app) {
    const std::vector<std::string> rest = app.remaining(true);
    if (rest.empty()) return "";
    if (rest.front().starts_with('-')) return "there is no option " + rest.front().substr(0, rest.front().find('='));
    if (app.get_subcommands().empty())
        return "there is no command '" + rest.front() + "': the commands are " + std::string(command_names);
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
    std::string encoding = "auto";
    CLI::App* const infer_app = app.add_subcommand("infer", "predictions for rows of a file");
    connection.add_to(*infer_app, infer.client, true);
    infer_app->add_option("--model", infer.model, "ID or ID@VERSION; without a version the newest")->required();
    infer_app->add_option("--input", infer.input, "file with rows, or - for standard input")->required();
    infer_app->add_option("--output", infer.output, "file for predictions, or - for standard output")
        ->capture_default_str();
    infer_app
        ->add_option("--format", infer.format,
                     "of input and output; by default each file's ending, or the input's first character")
        ->check(CLI::IsMember({"csv", "jsonl"}));
    add_ignore_header(*infer_app, infer.ignore_header);
    infer_app->add_option("--encoding", encoding, "of ciphertexts; auto: binary where the server takes it, else hex")
        ->check(CLI::IsMember({"auto", "binary", "base64", "hex"}))
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

    PlanCommand plan;
    CLI::App* const plan_app = app.add_subcommand("plan", "what a model would cost, encrypted");
    plan_app->add_option("MODEL", plan.planning.model, "an ONNX file")->required();
    add_planning_options(*plan_app, plan.planning, true);

    ImportCommand import;
    CLI::App* const import_app = app.add_subcommand("import", "makes a registry entry for a server of a model");
    import_app->add_option("MODEL", import.planning.model, "an ONNX file")->required();
    import_app->add_option("--id", import.id, "of the entry: lower-case letters, digits and _")->required();
    import_app->add_option("-o,--output", import.output, "the server's directory of models")->required();
    import_app->add_option("--version", import.version, "of the entry")->capture_default_str();
    import_app->add_option("--description", import.description, "of the entry; by default the file's name");
    import_app->add_flag("--force", import.force, "replace an entry of this id and version");
    add_planning_options(*import_app, import.planning, true);

    SimulateCommand simulate;
    CLI::App* const simulate_app = app.add_subcommand("simulate", "accuracy of a planned model, computed in clear");
    simulate_app->add_option("MODEL", simulate.planning.model, "an ONNX file, or an entry (.json)")->required();
    simulate_app->add_option("--data", simulate.data, "file with rows")->required();
    simulate_app->add_option("--labels", simulate.labels,
                             "file with a label a row: the class, by name or number from 0, or the value");
    simulate_app->add_option("--original", simulate.original, "of an entry: the ONNX file, to compare with");
    simulate_app->add_flag("--noise", simulate.noise, "adds the noise of encryption to the answers");
    add_planning_options(*simulate_app, simulate.planning, false);

    for (CLI::App* const offline : {plan_app, import_app, simulate_app})
        offline->footer("einfer --help has examples and exit statuses.");

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked_for_text) {
        return app.exit(asked_for_text);  // --help, --version
    } catch (const CLI::ParseError& error) {
        // What is mistyped comes before what is missing: it may be the same.
        const std::string unknown = unknown_argument(app);
        const bool no_command = argc == 1;
        return fail(exit_usage, (no_command        ? "name a command, one of " + std::string(command_names)
                                 : unknown.empty() ? error.what()
                                                   : unknown) +
                                    " (einfer --help explains)");
    }

    if (*plan_app) return run(plan);
    if (*import_app) return run(import);
    if (*simulate_app) return run(simulate);
    const std::string api_key = read_api_key(connection.api_key_file);
    for (ClientOptions* const client : {&models.client, &job.client, &infer.client}) {
        client->call_timeout = seconds_option(connection.call_seconds);
        client->api_key = api_key;
    }
    if (*models_app) return run(models);
    if (*job_app) return run(job);
    infer.client.job_timeout = seconds_option(job_seconds);
    if (encoding == "binary") infer.client.encoding = Encoding::Binary;
    if (encoding == "base64") infer.client.encoding = Encoding::Base64;
    if (encoding == "hex") infer.client.encoding = Encoding::Hex;
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
