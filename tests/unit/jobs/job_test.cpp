#include "jobs/job.h"
#include "jobs/job_row.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace einfer::jobs {
namespace {

constexpr State all_states[] = {State::Queued, State::Running, State::Completed, State::Failed, State::Expired};

TEST(Job, EveryMoveIsLegalOrNot) {
    const std::set<std::pair<State, State>> legal{
        {State::Queued, State::Running}, {State::Running, State::Running},   {State::Running, State::Completed},
        {State::Running, State::Failed}, {State::Completed, State::Expired}, {State::Failed, State::Expired},
        {State::Queued, State::Expired}, {State::Running, State::Expired},
    };
    for (const State from : all_states)
        for (const State to : all_states)
            EXPECT_EQ(may_move(from, to), legal.contains({from, to})) << name(from) << " to " << name(to);
}

TEST(Job, FinalStatesNeverGoBack) {
    for (const State from : all_states) {
        EXPECT_EQ(is_final(from), from >= State::Completed) << name(from);
        for (const State to : all_states) EXPECT_FALSE(is_final(from) && !is_final(to) && may_move(from, to));
    }
}

TEST(Job, NamesAndNumbersOfStates) {
    const std::pair<State, std::string_view> expected[] = {{State{0}, "queued"},
                                                           {State{1}, "running"},
                                                           {State{2}, "completed"},
                                                           {State{3}, "failed"},
                                                           {State{4}, "expired"}};
    for (const auto& [state, text] : expected) EXPECT_EQ(name(state), text);
}

TEST(JobRow, DetailsSurviveEncoding) {
    using std::string_literals::operator""s;
    for (const Details& details : {Details{}, Details{{"", ""}}, Details{{"rule", "size"}, {"pointer", "/inputs/0"}},
                                   Details{{"a\0b"s, "\0"s}, {std::string(300, 'x'), "\xff\x00"s}}})
        EXPECT_EQ(decode_details(encode_details(details)), details);
}

TEST(JobRow, DamagedDetailsGiveWhatIsWhole) {
    const Details details{{"rule", "size"}, {"pointer", "/inputs/0"}};
    const Bytes bytes = encode_details(details);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const Details read = decode_details(std::span(bytes).first(size));
        ASSERT_LE(read.size(), 1u);
        EXPECT_TRUE(read.empty() || read.front() == details.front());
    }
}

}  // namespace
}  // namespace einfer::jobs
