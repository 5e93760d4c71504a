"""The mathematics that more than one notebook needs: schedule, guidance, samplers, flow paths. No model lives here."""
