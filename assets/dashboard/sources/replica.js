// Which replica of the service answers, and which one scales. Pure.

/** `replica` of /readyz in a sentence; '' where only one replica runs, or none said anything. */
export function replicaInWords(replica) {
  if (!replica) return '';
  const { identity, leads, leader } = replica;
  if (leads) return `Answered by ${identity}, which leads: it scales, the other replicas stand by.`;
  if (leader && leader !== identity) return `Answered by ${identity}, which stands by. ${leader} leads, and scales.`;
  return `Answered by ${identity}. No replica leads at present, so nothing is scaled.`;
}
