// Discover, encrypt, submit, wait, check, decrypt: the client without its public face.
#pragma once

#include "client/failure.h"
#include "einfer/types.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace einfer::client {

/// The calls of einfer::Client, which documents them. One thread at a time.
class Engine {
public:
    [[nodiscard]] static Outcome<Engine> create(ClientOptions options);
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    [[nodiscard]] Outcome<std::vector<Model>> models();
    [[nodiscard]] Outcome<Model> model(std::string_view model_id, std::string_view version);
    [[nodiscard]] Outcome<Predictions> infer(std::string_view model_id, std::string_view version,
                                             std::span<const std::span<const double>> rows, const Progress& progress);
    [[nodiscard]] Outcome<JobStatus> job(std::string_view id);
    [[nodiscard]] Outcome<void> forget_evaluation_keys();

private:
    class Impl;
    explicit Engine(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::client
