#include "output.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "exit_codes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace einfer::cli {
namespace {

// Read by the signal handler: paths are written before their flag is set, and live in static memory.
struct Temporary {
    std::array<char, PATH_MAX> path{};
    std::atomic<bool> exists{false};
};
std::array<Temporary, 2> temporaries;  // predictions and statistics
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int signal_number) {
    for (const Temporary& temporary : temporaries)
        if (temporary.exists) unlink(temporary.path.data());
    _exit(128 + signal_number);
}

void remember(const std::string& path) {
    for (Temporary& temporary : temporaries) {
        if (temporary.exists || path.size() >= temporary.path.size()) continue;
        std::memcpy(temporary.path.data(), path.c_str(), path.size() + 1);
        temporary.exists = true;
        return;
    }
}

void forget(const std::string& path) {
    for (Temporary& temporary : temporaries)
        if (temporary.exists && path == temporary.path.data()) temporary.exists = false;
}

std::string why() { return std::strerror(errno); }

bool is_special(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

/// Where a link leads, so that the link stays. Standard output keeps its position in a file that is appended to.
std::string resolved(std::string path) {
    if (path == "/dev/stdout" || path == "/dev/fd/1") return "-";
    std::error_code not_there;
    const std::filesystem::path real = std::filesystem::canonical(path, not_there);
    return not_there || is_special(path) ? path : real.string();
}

}  // namespace

void end_cleanly_on_signals() {
    static_assert(exit_interrupted == 128 + SIGINT);
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaction(signal_number, &action, nullptr);
}

OutputFile::OutputFile(std::string path) : path_(resolved(std::move(path))) {
    if (path_ == "-") {
        descriptor_ = STDOUT_FILENO;
        return;
    }
    if (is_special(path_)) {
        descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
        temporary_ = path_ + ".part-" + std::to_string(getpid());
        descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (descriptor_ < 0) {
        temporary_.clear();
        throw InputError("cannot write " + path_ + ": " + why());
    }
    if (!temporary_.empty()) remember(temporary_);
}

OutputFile::~OutputFile() {
    if (descriptor_ > STDERR_FILENO) close(descriptor_);
    remove_temporary();
}

void OutputFile::remove_temporary() noexcept {
    if (temporary_.empty()) return;
    unlink(temporary_.c_str());
    forget(temporary_);
    temporary_.clear();
}

void OutputFile::commit(std::string_view text) {
    const auto fail = [this] {
        return std::runtime_error("writing " + (path_ == "-" ? "standard output" : path_) + " failed: " + why());
    };
    while (!text.empty()) {
        const ssize_t written = write(descriptor_, text.data(), text.size());
        if (written < 0 && errno != EINTR) throw fail();
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (descriptor_ == STDOUT_FILENO) return;
    // Some file systems report a full disk only here.
    if (close(std::exchange(descriptor_, -1)) != 0) throw fail();
    if (temporary_.empty()) return;
    if (rename(temporary_.c_str(), path_.c_str()) != 0) throw fail();
    forget(temporary_);
    temporary_.clear();
}

void say(const std::string& note, const std::string& file) {
    if (!note.empty()) std::fprintf(stderr, "einfer: %s: %s\n", file.c_str(), note.c_str());
}

std::string number_text(double value) {
    std::array<char, 32> buffer{};
    return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

namespace {

std::string csv_text(const std::string& field) {
    if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
    std::string quoted = "\"";
    for (const char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
}

std::string csv_header(const Predictions& predictions) {
    std::string text = predictions.labels.empty() ? "" : "label,";
    if (predictions.outputs == 1) return text + "prediction\n";
    for (std::size_t i = 0; i < predictions.outputs; ++i) text += (i > 0 ? ",output_" : "output_") + std::to_string(i);
    return text + '\n';
}

}  // namespace

std::string predictions_text(const Predictions& predictions, RowFormat format) {
    const bool csv = format == RowFormat::Csv;
    std::string text = csv ? csv_header(predictions) : "";
    const std::size_t width = predictions.outputs;
    for (std::size_t row = 0; row * width < predictions.values.size(); ++row) {
        std::string numbers;
        for (std::size_t i = 0; i < width; ++i)
            numbers += (i == 0 ? "" : csv ? "," : ", ") + number_text(predictions.values[row * width + i]);
        const std::string label = predictions.labels.empty() ? "" : predictions.labels[row];
        if (csv) {
            if (!predictions.labels.empty()) text += csv_text(label) + ',';
            text += numbers + '\n';
            continue;
        }
        text += '{';
        if (!predictions.labels.empty())
            text += R"("label": )" + boost::json::serialize(boost::json::value(label)) + ", ";
        text += width == 1 ? R"("prediction": )" + numbers : R"("outputs": [)" + numbers + ']';
        text += "}\n";
    }
    return text;
}

ProgressBar::ProgressBar(bool wanted) : enabled_(wanted && isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::show(std::size_t done, std::size_t total) {
    if (!enabled_ || total < 2) return;
    drawn_ = true;
    constexpr std::size_t width = 30;
    const std::size_t filled = width * done / total;
    const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
    std::fprintf(stderr, "\r[%s] %zu/%zu batches", bar.c_str(), done, total);
    std::fflush(stderr);
}

StatusLine::StatusLine(bool wanted) : enabled_(wanted && isatty(STDERR_FILENO) != 0) {}

StatusLine::~StatusLine() {
    if (enabled_) std::fputs("\r\x1b[K", stderr);
}

void StatusLine::show(std::string_view text) {
    if (!enabled_) return;
    std::fprintf(stderr, "\r\x1b[K%.*s ...", static_cast<int>(text.size()), text.data());
    std::fflush(stderr);
}

}  // namespace einfer::cli
