// The commands of einfer. Each returns an exit status; failures are exceptions: einfer::Error, InputError.
#pragma once

#include "einfer/types.h"

#include <optional>
#include <string>

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
    bool progress = true;
};
int run(const InferCommand& command);

}  // namespace einfer::cli
