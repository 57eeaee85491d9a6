// The commands of einfer. Each returns an exit status; failures are exceptions: einfer::Error, InputError.
#pragma once

#include "einfer/types.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace einfer::cli {

struct ModelsCommand {
    ClientOptions client;
    bool json = false;
};
int run(const ModelsCommand& command);

struct JobCommand {
    ClientOptions client;
    std::string id;
    bool json = false;
};
/// 0 when the job is completed, 6 when it failed or is not final yet.
int run(const JobCommand& command);

struct InferCommand {
    ClientOptions client;
    std::string model;  ///< ID or ID@VERSION
    std::string input;  ///< a file, or "-"
    std::string output = "-";
    std::string format;  ///< "csv", "jsonl" or "": found out
    std::string stats;   ///< a file, or ""
    bool ignore_header = false;
    bool progress = true;
};
int run(const InferCommand& command);

/// How a model is planned.
struct PlanningOptions {
    std::string model;        ///< a file: ONNX
    std::string calibration;  ///< a file with rows
    std::optional<double> tolerance;
    std::string layout;  ///< "coefficients", "slots" or "": by the model
    std::optional<std::size_t> rows;
    std::optional<int> degree;
    std::string range;  ///< "LO:HI" or ""
    std::string room;   ///< "range", "calibration" or ""
    std::vector<std::string> class_names;
    bool ignore_header = false;
    bool json = false;
    bool progress = true;
};

struct PlanCommand {
    PlanningOptions planning;
};
int run(const PlanCommand& command);

struct ImportCommand {
    PlanningOptions planning;
    std::string id;
    std::string version = "1.0.0";
    std::string description;
    std::string output;  ///< a directory
    bool force = false;
};
int run(const ImportCommand& command);

struct SimulateCommand {
    PlanningOptions planning;  ///< `model` may be an entry of a registry, which is planned already
    std::string data;
    std::string labels;    ///< a file, or ""
    std::string original;  ///< of an entry: the file that it was imported from, or ""
    bool noise = false;
};
int run(const SimulateCommand& command);

}  // namespace einfer::cli
