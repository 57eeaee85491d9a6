// einfer import, einfer plan.
#include "commands.h"
#include "exit_codes.h"
#include "importing/entry.h"
#include "output.h"
#include "plan_report.h"
#include "planning.h"

#include <boost/json/serialize.hpp>

namespace einfer::cli {

namespace json = boost::json;

int run(const PlanCommand& command) {
    const Planned planned = plan_model(command.planning, read_table(command.planning.calibration));
    OutputFile("-").commit(command.planning.json ? json::serialize(plan_json(planned.plan)) + '\n'
                                                 : plan_text(planned.plan));
    return exit_ok;
}

int run(const ImportCommand& command) {
    importing::EntryNames chosen{
        .model_id = command.id, .version = command.version, .description = command.description};
    // Planning can take a minute: what is wrong anyhow is said before.
    if (const auto checked = importing::check_names(chosen, command.output, command.force); !checked)
        throw explained(checked.error(), command.output);
    const Planned planned = plan_model(command.planning, read_table(command.planning.calibration));
    chosen.feature_names = planned.feature_names;
    const auto entry = importing::make_entry(planned.plan, planned.source, chosen);
    if (!entry) throw explained(entry.error(), command.planning.model);
    const auto written = importing::write_entry(*entry, command.output, command.force);
    if (!written) throw explained(written.error(), command.output);
    if (command.planning.json) {
        json::object report{{"model_id", entry->model_id},
                            {"version", entry->version},
                            {"entry", written->entry.string()},
                            {"weights", written->weights.string()},
                            {"plan", plan_json(planned.plan)}};
        OutputFile("-").commit(json::serialize(report) + '\n');
    } else {
        std::string text = entry->model_id + ' ' + entry->version + " is in " + written->entry.string() + '\n';
        if (const auto& names = entry->feature_names; !names.empty())
            text += "features are named as the columns of " + command.planning.calibration + ": " + names.front() +
                    (names.size() > 1 ? " to " + names.back() : "") + ", in this order\n";
        text += "a server serves it from its next start on\n";
        OutputFile("-").commit(text + plan_text(planned.plan));
    }
    return exit_ok;
}

}  // namespace einfer::cli
