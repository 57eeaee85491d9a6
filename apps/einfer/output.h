// Where a command writes: files that appear whole or not at all, standard output, a progress bar.
#pragma once

#include "einfer/types.h"
#include "row_reader.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace einfer::cli {

/// Ends the process with 128 + its number on SIGINT, SIGTERM, SIGHUP and SIGPIPE, and takes the temporary files of
/// OutputFiles along. Whatever is in flight is dropped; the keys go with the process.
void end_cleanly_on_signals();

/// A file that is written beside its place and put there when it is complete; links are followed. "-" is standard
/// output; what exists and is no regular file (a device, a pipe) is written directly.
class OutputFile {
public:
    /// InputError when it cannot be created.
    explicit OutputFile(std::string path);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile();

    /// Writes all of `text` and puts the file in its place. std::runtime_error when that fails; there is no file then.
    void commit(std::string_view text);

private:
    void remove_temporary() noexcept;

    std::string path_;
    std::string temporary_;  // empty: written directly, or committed
    int descriptor_ = -1;
};

/// A line a row: "prediction", or of several numbers "output_0", "output_1", …; in JSON
/// {"prediction": x} or {"outputs": [x, …]}. Where there are labels, "label" comes first.
[[nodiscard]] std::string predictions_text(const Predictions& predictions, RowFormat format);

/// What whoever runs the command should know about `file`, on standard error; nothing if there is nothing.
void say(const std::string& note, const std::string& file);

/// Shortest text that reads back as the same double.
[[nodiscard]] std::string number_text(double value);

/// Draws on standard error if that is a terminal and there is more than one step; otherwise does nothing.
class ProgressBar {
public:
    explicit ProgressBar(bool wanted);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    void show(std::size_t done, std::size_t total);

private:
    bool enabled_;
    bool drawn_ = false;
};

/// What is being done, on standard error if that is a terminal; gone when it is done.
class StatusLine {
public:
    explicit StatusLine(bool wanted);
    ~StatusLine();
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;
    void show(std::string_view text);

private:
    bool enabled_;
};

}  // namespace einfer::cli
