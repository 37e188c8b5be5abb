/* better.js - which direction of a metric is the better one, by its name: +1 higher, -1 lower, 0 not known. Names are as people write them (valid_auc,
 * eval/loss, rmse_test): the word that says most wins, so "accuracy_loss" is a loss. What is not known is shown without a judgement. Pure. */
const LOWER = ["loss", "error", "err", "rmse", "mse", "mae", "mape", "smape", "rmsle", "brier", "ece", "mce", "perplexity", "ppl", "wer", "cer", "fpr", "fnr", "deviance", "divergence", "distance", "latency", "seconds", "ms", "duration", "time", "bytes", "memory", "drift", "psi"];
const HIGHER = ["accuracy", "acc", "auc", "roc", "prc", "auprc", "auroc", "f1", "fbeta", "precision", "recall", "sensitivity", "specificity", "tpr", "tnr", "r2", "mcc", "kappa", "iou", "dice", "map", "ndcg", "mrr", "bleu", "rouge", "reward", "score", "likelihood", "gini", "lift", "throughput"];

export function betterOf(metric) {
  const words = metric.toLowerCase().split(/[^a-z0-9]+/);
  if (words.some(w => LOWER.includes(w) || w.endsWith("loss")))
    return -1;
  return words.some(w => HIGHER.includes(w)) ? 1 : 0;
}

/* "better", "worse", "same" or null when it cannot be told. */
export function judge(metric, now, before) {
  const way = betterOf(metric);
  if (![now, before].every(Number.isFinite))
    return null;
  return now === before ? "same" : way === 0 ? null : (now - before) * way > 0 ? "better" : "worse";
}
