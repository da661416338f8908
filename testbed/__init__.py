"""The real thing on one machine: engine, control plane, simulated nodes. No part of a stack."""
