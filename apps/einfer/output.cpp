#include "output.h"

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

std::string number_text(double value) {
    std::array<char, 32> buffer{};
    return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

std::string predictions_text(std::span<const double> values, RowFormat format) {
    std::string text = format == RowFormat::Csv ? "prediction\n" : "";
    for (const double value : values) {
        if (format == RowFormat::Csv)
            text += number_text(value) + '\n';
        else
            text += R"({"prediction": )" + number_text(value) + "}\n";
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

}  // namespace einfer::cli
