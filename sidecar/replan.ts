// Replan: how stage-in says that another pod is to follow.

/** The pod cannot do what the plan says, and one with another plan can: what that is to be was reported. */
export class Replan extends Error {
  override readonly name = "Replan";
}
