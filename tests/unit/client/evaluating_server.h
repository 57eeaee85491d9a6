// A fake server that evaluates what it is sent, rightly or wrongly. (Its own source keeps base/error.h away from the
// tests of the public interface, which has an Error of its own.)
#pragma once

#include "fake_server.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::client_test {

struct Behaviour {
    bool quadratic = false;     ///< offer and evaluate z² instead of a linear model
    bool accept_only = false;   ///< 202, whatever Prefer says
    int polls_until_final = 0;  ///< GETs of the job that are answered with "running"
    bool fail_job = false;
    int overloaded = 0;  ///< POSTs that are answered with 503 first
    bool wrong_digest = false;
    double offset = 0;              ///< added to every answer
    int offset_batch = 0;           ///< ... of this request only, counted from 1; 0: of all
    std::string error_bound = "";   ///< replaces the right one
    std::string version = "1.0.0";  ///< of the model
};

class EvaluatingServer {
public:
    explicit EvaluatingServer(Behaviour behaviour = {});
    ~EvaluatingServer();

    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::vector<SeenRequest> seen() const;
    [[nodiscard]] int count(std::string_view method) const;

    /// The model in clear.
    [[nodiscard]] double predict(const std::vector<double>& row) const;
    [[nodiscard]] const char* model_id() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::client_test
