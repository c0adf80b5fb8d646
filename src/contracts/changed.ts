/** Answer of every activity that brings one resource to a named end. */
export interface Changed {
  changed: boolean;
}
