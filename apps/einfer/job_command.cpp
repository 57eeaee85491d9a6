#include "commands.h"
#include "einfer/client.h"
#include "exit_codes.h"
#include "output.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace einfer::cli {
namespace {

namespace json = boost::json;

std::string as_json(const JobStatus& job) {
    json::object object{{"job_id", job.id}, {"status", name(job.state)}, {"created_at", job.created_at}};
    if (!job.started_at.empty()) object.emplace("started_at", job.started_at);
    if (!job.finished_at.empty()) object.emplace("finished_at", job.finished_at);
    if (!job.error_code.empty())
        object.emplace("error", json::object{{"code", job.error_code}, {"message", job.error_message}});
    return json::serialize(object) + '\n';
}

std::string as_text(const JobStatus& job) {
    std::string text =
        "job       " + job.id + "\nstatus    " + name(job.state) + "\ncreated   " + job.created_at + '\n';
    if (!job.started_at.empty()) text += "started   " + job.started_at + '\n';
    if (!job.finished_at.empty()) text += "finished  " + job.finished_at + '\n';
    if (!job.error_code.empty()) text += "error     " + job.error_code + ": " + job.error_message + '\n';
    return text;
}

}  // namespace

int run(const JobCommand& command) {
    Client client(command.client);
    const JobStatus job = client.job(command.id);
    OutputFile("-").commit(command.json ? as_json(job) : as_text(job));
    return job.state == JobState::Completed ? exit_ok : exit_job;
}

}  // namespace einfer::cli
