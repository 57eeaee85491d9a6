#include "jobs/job.h"

#include <array>

namespace einfer::jobs {
namespace {

constexpr std::size_t states = 5;

// Row: from. Column: to. Queued, Running, Completed, Failed, Expired.
constexpr std::array<std::array<bool, states>, states> legal_moves{{
    {false, true, false, false, true},
    {false, true, true, true, true},
    {false, false, false, false, true},
    {false, false, false, false, true},
    {false, false, false, false, false},
}};
static_assert(static_cast<std::size_t>(State::Expired) + 1 == states, "a state without a row");

}  // namespace

bool may_move(State from, State to) {
    return legal_moves[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

bool is_final(State state) { return state != State::Queued && state != State::Running; }

std::string_view name(State state) {
    switch (state) {
        case State::Queued: return "queued";
        case State::Running: return "running";
        case State::Completed: return "completed";
        case State::Failed: return "failed";
        case State::Expired: return "expired";
    }
    return "unknown";
}

}  // namespace einfer::jobs
