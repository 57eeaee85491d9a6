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
    const Planned planned = plan_model(command.planning, read_table(command.planning.calibration));
    const auto entry = importing::make_entry(planned.plan, planned.source,
                                             {.model_id = command.id,
                                              .version = command.version,
                                              .description = command.description,
                                              .feature_names = planned.feature_names});
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
        OutputFile("-").commit(text + plan_text(planned.plan));
    }
    return exit_ok;
}

}  // namespace einfer::cli
