// Uses Langfuse's JavaScript SDK as a program would; prints what came back as one line of JSON.
// LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL come from the environment.
import { LangfuseClient } from "@langfuse/client";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes, startActiveObservation, startObservation } from "@langfuse/tracing";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const processor = new LangfuseSpanProcessor();
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();
const langfuse = new LangfuseClient();

await langfuse.prompt.create({ name: "js", type: "text", prompt: "Hi {{name}}", labels: ["production"] });
const prompt = await langfuse.prompt.get("js");

const traceId = await propagateAttributes(
  { sessionId: "s-js", userId: "ana", tags: ["js"], traceName: "turn" },
  () =>
    startActiveObservation("root", async (root) => {
      root.update({ input: "question", output: "answer" });
      const generation = startObservation(
        "llm",
        { model: "gpt-4o-mini", input: [{ role: "user", content: "question" }], prompt },
        { asType: "generation" },
      );
      generation.update({ output: "answer", usageDetails: { input: 3, output: 4 } }).end();
      startObservation("search", { level: "ERROR", statusMessage: "boom" }, { asType: "tool" }).end();
      langfuse.score.observation({ otelSpan: generation.otelSpan }, { name: "part", value: "good", dataType: "CATEGORICAL" });
      langfuse.score.trace(root, { name: "whole", value: 0.5 });
      return root.traceId;
    }),
);
await processor.forceFlush();
await langfuse.flush();

await langfuse.api.datasets.create({ name: "js" });
await langfuse.api.datasetItems.create({ datasetName: "js", input: 1, expectedOutput: 2 });
const dataset = await langfuse.dataset.get("js");
const experiment = await dataset.runExperiment({
  name: "double",
  task: async ({ input }) => 2 * input,
  evaluators: [async ({ output, expectedOutput }) => ({ name: "right", value: Number(output === expectedOutput) })],
});
await processor.forceFlush();
await langfuse.flush();

const { data } = await langfuse.api.observations.getMany({ traceId, fields: "core,basic,io,model,usage,prompt,trace_context" });
console.log(
  JSON.stringify({
    prompt: prompt.compile({ name: "Ana" }),
    traceId,
    observations: data,
    experiment: experiment.itemResults.map((item) => [item.output, item.evaluations.map((one) => one.value)]),
  }),
);
await provider.shutdown();
