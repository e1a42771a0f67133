// Evaluates requests against policies with @cloud-copilot/iam-simulate: a JSON list of simulations
// on standard input, a JSON list of their results, in the same order, on standard output.
import { text } from 'node:stream/consumers'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const simulations = JSON.parse(await text(process.stdin))
const results = []
for (const simulation of simulations) results.push(await runSimulation(simulation, {}))
process.stdout.write(JSON.stringify(results))
